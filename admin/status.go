package admin

import (
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

// View is what the server needs of the control plane. Both are called from any goroutine.
type View interface {
	// Status is an immutable snapshot of everything.
	Status() Status
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
	// Envoys is the fleet, sorted by fleet and id.
	Envoys []EnvoyStatus `json:"envoys"`
}

// Held describes a source that lost so much that its deletions wait for a confirmation.
type Held struct {
	// Missing is how many objects would be deleted.
	Missing int `json:"missing"`
	// Message says what happened and what to do.
	Message string `json:"message"`
}

// EnvoyStatus is what the control plane knows about one Envoy that is connected, or was a
// short while ago.
type EnvoyStatus struct {
	ID    string `json:"id"`
	Fleet string `json:"fleet"`
	// UnknownFleet: there is no such fleet, and so nothing for this Envoy.
	UnknownFleet bool   `json:"unknownFleet,omitempty"`
	Zone         string `json:"zone,omitempty"`
	Node         string `json:"node,omitempty"`     // Kubernetes node
	Version      string `json:"version,omitempty"`  // of Envoy
	Protocol     string `json:"protocol,omitempty"` // delta or sotw
	// Connected says whether it is now, and Since when it connected or disconnected.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	// InSync: it is connected and has acknowledged everything that there is for it.
	InSync bool `json:"inSync"`
	// Revision is the newest revision that the Envoy has in full, when that is known.
	Revision string `json:"revision,omitempty"`
	// Applied is the number of the newest change that the Envoy has in full, Current that of
	// the newest there is.
	Applied uint64 `json:"applied"`
	Current uint64 `json:"current"`
	// Resources is how many resources were sent since it connected.
	Resources uint64 `json:"resourcesSent"`
	// Types are the counts by resource type, in the order of delivery.
	Types []TypeStatus `json:"types"`
	// Refused are the resources that the Envoy does not accept, sorted by type and name.
	Refused []Refusal `json:"refused,omitempty"`
	// Waiting names what parts of its configuration wait for, such as a cluster to be warm.
	Waiting []string `json:"waiting,omitempty"`
}

// TypeStatus counts the resources of one type towards one Envoy.
type TypeStatus struct {
	Type    string `json:"type"`    // cluster, endpoint, secret, listener, scope, route
	Sent    int    `json:"sent"`    // delivered, and not taken away since
	Acked   int    `json:"acked"`   // acknowledged in their newest version
	Pending int    `json:"pending"` // sent and not acknowledged, or still to be sent
	Refused int    `json:"refused"` // in quarantine
}

// Refusal is a resource, or a part of one, that an Envoy refused.
type Refusal struct {
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	Part    string    `json:"part,omitempty"` // virtual host or filter chain
	Message string    `json:"message"`        // Envoy's words
	Since   time.Time `json:"since,omitzero"`
	// Objects are those that the resource comes from, as "Kind namespace/name".
	Objects []string `json:"objects,omitempty"`
}

// RolloutStatus is where a Rollout stands.
type RolloutStatus struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Service   string `json:"service"`
	Phase     string `json:"phase"`             // Stable, Waiting or Holding
	Live      string `json:"live,omitempty"`    // the version that has the traffic (blueGreen)
	Message   string `json:"message,omitempty"` // why it stands there
	// Versions are all that are kept.
	Versions []RolloutVersion `json:"versions"`
}

// RolloutVersion is a version and its share of the traffic.
type RolloutVersion struct {
	Name    string  `json:"name"`
	Percent float64 `json:"percent"`
	// HeldUntil is until when a version without traffic is kept for the way back.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
}
