package admin

import (
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// View is what the server needs of the control plane. All are called from any goroutine.
type View interface {
	// Status is an immutable snapshot of everything.
	Status() Status
	// Config is what the Envoys of an id shall have; none when no such Envoy is known.
	Config(id string) []EnvoyConfig
	// ConfigFor is what an Envoy would get that has never connected.
	ConfigFor(fleet, zone, node string) EnvoyConfig
	// Confirm lets a held source through. It fails with ErrNothingHeld when none is held.
	Confirm() error
}

// Status is what the control plane knows about itself and its fleet.
type Status struct {
	// Version is that of gateway-cp.
	Version string `json:"version"`
	// Started is when this process began to serve.
	Started time.Time `json:"started,omitzero"`
	// Revision is the revision of the objects that is translated and served now, such as a
	// Git commit; empty when the source has none.
	Revision string `json:"revision"`
	// Partly says that not all of the revision is in effect: something in it has an error, or
	// the source is held.
	Partly bool `json:"partly,omitempty"`
	// Held is set while the source lost so much at once that it waits for a confirmation.
	Held *Held `json:"held,omitempty"`
	// Problems are those of the objects, sorted; those that Envoys found are included.
	Problems []api.Problem `json:"problems"`
	// Rollouts is where the traffic of each Service with a Rollout stands, sorted.
	Rollouts []RolloutStatus `json:"rollouts"`
	// Replica is set when there may be other replicas.
	Replica *ReplicaStatus `json:"replica,omitempty"`
	// Envoys is the fleet, sorted by fleet and id; of a replica that leads, also the Envoys of those
	// that follow it.
	Envoys []EnvoyStatus `json:"envoys"`
	// RefusedClients are those that tried to connect in the last ten minutes and were not let
	// in, sorted by id.
	RefusedClients []RefusedClient `json:"refusedClients,omitempty"`
}

// RefusedClient is a client that is not let in.
type RefusedClient struct {
	ID          string    `json:"id,omitempty"`          // node.id, if it got as far as saying it
	Fleet       string    `json:"fleet,omitempty"`       // node.cluster
	Address     string    `json:"address,omitempty"`     // host; empty for a Unix socket
	Certificate []string  `json:"certificate,omitempty"` // names in its certificate
	Reason      string    `json:"reason"`                // stable, also a label of gateway_cp_xds_refused_total
	Message     string    `json:"message"`               // what it was told
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Times       uint64    `json:"times"`
}

// Named gives the Envoys of an id; several share it when something is wrong.
func (s Status) Named(id string) []EnvoyStatus {
	var found []EnvoyStatus
	for _, e := range s.Envoys {
		if e.ID == id {
			found = append(found, e)
		}
	}
	return found
}

// Held describes a source that lost so much that its deletions wait for a confirmation.
type Held struct {
	// Missing is how many objects would be deleted.
	Missing int `json:"missing"`
	// Message says what happened and what to do.
	Message string `json:"message"`
}

// RolloutStatus is where a Rollout stands.
type RolloutStatus struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Service   string `json:"service"`
	Phase     string `json:"phase"`             // Stable, Waiting, Holding; of a canary also Progressing, Paused, Baking, Aborted
	Live      string `json:"live,omitempty"`    // the version that has the traffic, or most of it (blueGreen, canary)
	Message   string `json:"message,omitempty"` // why it stands there
	// Deviation says, for people, when the shares that are measured differ from those that are asked by more than
	// chance explains.
	Deviation string `json:"deviation,omitempty"`
	// Versions are all that are kept.
	Versions []RolloutVersion `json:"versions"`
	// Canary is where a canary stands.
	Canary *RolloutCanary `json:"canary,omitempty"`
	// Holds are what it waits for, other than endpoints and time.
	Holds []RolloutHold `json:"holds,omitempty"`
	// Conditions are those of the Rollout's status in Kubernetes: Ready, Progressing, Degraded, Stalled, Drained.
	Conditions []RolloutCondition `json:"conditions,omitempty"`
}

// RolloutCondition is one.
type RolloutCondition struct {
	Type    string `json:"type"`
	Status  string `json:"status"` // True, False
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
}

// RolloutHold is something that a Rollout waits for.
type RolloutHold struct {
	Reason  string    `json:"reason"` // Freeze, Dependency, Limit, Hook
	Message string    `json:"message"`
	Until   time.Time `json:"until,omitzero"` // where that is known
}

// MeasuredShare is which part of the requests a version has got, as counted by the Envoys of this gateway-cp that have the
// shares in question.
type MeasuredShare struct {
	Percent  float64 `json:"percent"`
	Requests uint64  `json:"requests"` // of all versions together
	// Unreached is how many of them, sent to this version, met no healthy endpoint.
	Unreached uint64 `json:"unreached,omitempty"`
}

// RolloutCanary is where a canary stands.
type RolloutCanary struct {
	Stable  string    `json:"stable"`
	Canary  string    `json:"canary"`
	Percent float64   `json:"percent"` // that the steps so far ask for
	Step    int       `json:"step"`    // how many have been taken
	Steps   int       `json:"steps"`   // how many there are
	Until   time.Time `json:"until,omitzero"`
	Aborted string    `json:"aborted,omitempty"` // why it was given up
}

// RolloutVersion is a version and its share of the traffic.
type RolloutVersion struct {
	Name    string  `json:"name"`
	Percent float64 `json:"percent"`
	// Measured is what Envoys have counted since they have the share; nil: nothing yet, or the version has all traffic.
	Measured *MeasuredShare `json:"measured,omitempty"`
	// Match says, for people, which requests go to the version whatever its share.
	Match string `json:"match,omitempty"`
	// Copied is how many of the requests are copied to the version, in percent.
	Copied float64 `json:"copied,omitempty"`
	// HeldUntil is until when a version without traffic is kept for the way back.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
}
