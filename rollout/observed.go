package rollout

import (
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Observed is what is known about the versions of one Rollout at one moment.
type Observed struct {
	// By VersionID. A version that is missing is one that nothing is known about (yet): it
	// keeps the weight that it has, and gets none.
	Versions map[string]VersionObserved

	// Until when Envoys that lost the control plane may still be on their way back to it,
	// after its start. No version passes its gate before, since the fleet is not complete;
	// zero: the fleet is what is connected.
	SettleUntil time.Time

	// For how long requests may be under way to a version that has lost its traffic: the longest drain
	// time of the Fleets that serve the Service.
	Drain time.Duration

	// What hooks have answered, by Call.Key.
	Answers map[string]Answer

	// Freezes are windows of time beside those of the spec: of the Fleets that serve the Service.
	Freezes []v1alpha1.FreezeWindow

	// Holds are what keeps a new attempt from beginning: other Rollouts. A Manager fills them in.
	Holds []v1alpha1.RolloutHold

	// Refusals are what Envoys refuse of what sends traffic to the Service, for people. Only a Manager looks at them,
	// for Rollouts that flip together.
	Refusals []string

	// Together is what those say that flip with it. A Manager fills it in.
	Together Together

	// Limits say in what company it may be under way: see Limit. Only a Manager looks at them.
	Limits []Limit

	// Counting tells counts apart that have begun anew, as after a start of the process.
	Counting string
}

// Limit is how many Rollouts of a scope may be under way at once.
type Limit struct {
	// Scope tells scopes apart, and says for people what is limited: "fleet default".
	Scope string
	Max   int
}

// VersionObserved is what is known about one version. A version consists of a cluster per port
// of the Service; the numbers are the lowest over these clusters.
type VersionObserved struct {
	// Endpoints that the objects declare ready, and all that its selector finds.
	Ready, Total int

	// The endpoints have active health checks: what counts is how many of them each Envoy
	// found healthy. Otherwise it is Ready.
	Checked bool

	// Its clusters are so new that no Envoy can have been given them: what Envoys say does not count
	// yet, and it will be asked for again at once.
	Fresh bool

	// What Envoys have counted for it, over all its clusters.
	Load Load

	// What Envoys have counted for the copies that it gets.
	Copies Load

	// Every connected Envoy that serves the version, in any order.
	Envoys []EnvoyObserved
}

// EnvoyObserved is what one Envoy says about one version.
type EnvoyObserved struct {
	Name string

	// All clusters of the version are warm: traffic that is sent there meets endpoints.
	Warm bool

	// Endpoints that passed the active health check; only looked at where Checked.
	Healthy int

	// It has said so since it got the version's clusters as they are now. Otherwise Healthy is 0
	// because nothing is known.
	Reported bool

	// Nothing is known of it (any more), or only for other content of the version's clusters:
	// it is not ready, and the version is not unhealthy for want of it.
	Unknown bool

	// Why it is not ready, for people; empty: said from Warm and Healthy.
	Why string
}
