package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Canary moves the traffic in steps from the stable version to another one. The stable version is
// the one that had the traffic when the rollout began.
//
// Where nothing has had traffic yet, there is nothing to protect: from gets all traffic at once or,
// without it, to. A version whose selector changes is a new version. A canary that was aborted
// starts again when spec.canary changes.
type Canary struct {
	// The version that shall have all traffic in the end. Naming the stable version again, in the
	// middle of a rollout or while the stable version is still kept, moves everything back to it.
	// Required with versions.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	To string `json:"to,omitempty"`

	// The version that counts as stable where nothing has had traffic yet.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	From string `json:"from,omitempty"`

	// What happens one after another. After the last step, to gets all traffic.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Steps []CanaryStep `json:"steps,omitempty"`

	// Compare how often requests to the canary fail with how often those to the stable version do, for
	// as long as both have traffic: a canary that is worse is given up, and it gets all traffic only
	// once it is known to be good enough. Without requests to both, nothing is known: it waits.
	//
	// +optional
	Analysis *CanaryAnalysis `json:"analysis,omitempty"`

	// How many endpoints of to must be healthy, on every Envoy, before its share grows: a number,
	// or a percentage of all endpoints that it selects, ready or not. At least one is always
	// asked for.
	//
	// +optional
	// +kubebuilder:default="100%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:message="must not be negative",rule="type(self) != int || int(self) >= 0"
	// +kubebuilder:validation:Pattern=`^(100|[0-9]{1,2})%$`
	MinHealthy *intstr.IntOrString `json:"minHealthy,omitempty"`

	// How long an Envoy that is not ready for to holds back its share while others are ready. After
	// it, they go on without it; it keeps its previous route.
	//
	// +optional
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// How long to may wait for healthy endpoints before the rollout is aborted. Without it, it waits
	// as long as it takes; the stable version has the traffic meanwhile.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	ProgressDeadline *metav1.Duration `json:"progressDeadline,omitempty"`

	// How long to must have all traffic before it counts as the stable version. Until then it
	// loses all traffic again when none of its endpoints is healthy any more.
	//
	// +optional
	// +kubebuilder:default="0s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Bake *metav1.Duration `json:"bake,omitempty"`

	// How long the stable version before is kept warm for an instant way back, once to is the
	// stable version.
	//
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	HoldOld *metav1.Duration `json:"holdOld,omitempty"`
}

// CanaryStep is one step of a canary. Exactly one field is set.
//
// +kubebuilder:validation:ExactlyOneOf=weight;pause;ramp;analysis;match;mirror
type CanaryStep struct {
	// The share that the canary gets now, in percent. It gets it once enough of its endpoints are
	// healthy. The stable version has the rest.
	//
	// +optional
	Weight *Percent `json:"weight,omitempty"`

	// Wait.
	//
	// +optional
	Pause *CanaryPause `json:"pause,omitempty"`

	// Change the share of the canary evenly over some time, in up to 100 moves.
	//
	// +optional
	Ramp *CanaryRamp `json:"ramp,omitempty"`

	// Wait until the analysis has found the canary good enough: {}. What that means is in
	// spec.canary.analysis, which must be set.
	//
	// +optional
	Analysis *CanaryAnalysisStep `json:"analysis,omitempty"`

	// From now on the requests that meet one of these go to the canary, whatever its share: those of
	// testers, say. It is so until the canary has all traffic, or until another step has a match; an
	// empty list ends it. It takes effect once enough of the canary's endpoints are healthy. HTTP only.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Match []RequestMatch `json:"match,omitzero"`

	// From now on a part of the requests is copied to the canary, and its answers are thrown away. It is
	// so until the canary has a share of its own, or until another step has a mirror; percent: 0 ends it.
	// It takes effect once enough of the canary's endpoints are healthy. HTTP only.
	//
	// +optional
	Mirror *Mirror `json:"mirror,omitempty"`
}

// CanaryAnalysisStep is a wait for the analysis.
type CanaryAnalysisStep struct{}

// CanaryPause is a wait.
type CanaryPause struct {
	// How long. Without it, the rollout waits until it is told to go on.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Duration *metav1.Duration `json:"duration,omitempty"`
}

// CanaryRamp is a share that changes evenly.
type CanaryRamp struct {
	// The share at the beginning, in percent; without it, the share that the canary has.
	//
	// +optional
	From *Percent `json:"from,omitempty"`

	// The share at the end, in percent.
	To *Percent `json:"to"`

	// How long it takes. It takes longer where the canary is not healthy meanwhile.
	//
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Over metav1.Duration `json:"over"`
}

// CanaryAnalysis is how the canary is compared with the stable version. Requests that are answered
// 5xx, or not at all, have failed.
type CanaryAnalysis struct {
	// By how many points the error rate of the canary may be above that of the stable version: with 1,
	// 1.5 % beside 0.5 % is good enough. Without it: 1.
	//
	// +optional
	Margin *Percent `json:"margin,omitempty"`

	// The highest error rate of the canary, in percent, however bad the stable version is. Without
	// it there is none.
	//
	// +optional
	MaxErrorRate *Percent `json:"maxErrorRate,omitempty"`

	// How many requests the canary must have had before anything is decided. Without it: 10.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MinRequests *int64 `json:"minRequests,omitempty"`

	// For how long to compare, from the first share on, before it counts as inconclusive; then
	// happens what onInconclusive says. Without it, there is no end.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	MaxTime *metav1.Duration `json:"maxTime,omitempty"`

	// What happens when nothing is sure after maxTime: pause keeps the shares until somebody promotes or
	// aborts, or until it is sure after all; rollback gives the canary up; promote goes on without an
	// analysis, unless the canary turns out to be worse. Without it: pause.
	//
	// +optional
	// +kubebuilder:validation:Enum=pause;rollback;promote
	OnInconclusive InconclusiveAction `json:"onInconclusive,omitempty"`

	// How many requests a second the Service gets in quiet hours, all versions and all Envoys together:
	// 40, or "0.5". With it, validate says when the steps are over before the analysis can be. The
	// rollout itself counts what there is.
	//
	// +optional
	ExpectedRequestsPerSecond *resource.Quantity `json:"expectedRequestsPerSecond,omitempty"`
}

// InconclusiveAction is what happens when an analysis is not sure in time.
type InconclusiveAction string

// What may happen then.
const (
	InconclusivePause    InconclusiveAction = "pause"
	InconclusiveRollback InconclusiveAction = "rollback"
	InconclusivePromote  InconclusiveAction = "promote"
)

// CanaryStatus is where a canary stands.
type CanaryStatus struct {
	// The version that has the traffic where the canary has none.
	Stable string `json:"stable"`
	// The version that is being tried, or was last.
	Canary string `json:"canary"`
	// The share of the canary that the steps so far ask for, in units of 0.01 %.
	Weight int32 `json:"weight"`
	// How many of spec.canary.steps have been taken.
	Step int32 `json:"step"`
	// How many steps spec.canary has.
	Steps int32 `json:"steps"`
	// When what it waits for ends, where that is known.
	//
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// Why the canary was given up.
	//
	// +optional
	Aborted string `json:"aborted,omitempty"`
}
