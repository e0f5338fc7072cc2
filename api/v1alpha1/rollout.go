package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Rollout splits the traffic of one Service over versions. It is a policy attached to the
// Service: every way in (Service name, Gateway API backendRef) sees the same split. The spec
// says where traffic shall end up and how; the status says where it is now.
//
// Deleting a Rollout deletes its split: the Service then sends requests to all Pods and Workloads
// that its own selector selects, whatever their version. So move the traffic to one version
// and let the Service's selector select that version only, before you delete it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ro,categories=gateway-cp
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Live",type=string,JSONPath=`.status.live`
// +kubebuilder:printcolumn:name="Step",type=integer,JSONPath=`.status.canary.step`
// +kubebuilder:printcolumn:name="Steps",type=integer,JSONPath=`.status.canary.steps`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RolloutSpec   `json:"spec"`
	Status RolloutStatus `json:"status,omitzero"`
}

// RolloutSpec is what the user asks for. Exactly one of traffic, blueGreen and canary is set.
//
// +kubebuilder:validation:ExactlyOneOf=traffic;blueGreen;canary
// +kubebuilder:validation:XValidation:message="active must be the name of a version",fieldPath=".blueGreen.active",rule="!has(self.blueGreen) || !has(self.versions) || has(self.blueGreen.active) && self.versions.exists(v, v.name == self.blueGreen.active)"
// +kubebuilder:validation:XValidation:message="version must be the name of a version",fieldPath=".blueGreen.preview.version",rule="!has(self.blueGreen) || !has(self.blueGreen.preview) || has(self.versions) && self.versions.exists(v, v.name == self.blueGreen.preview.version)"
// +kubebuilder:validation:XValidation:message="to must be the name of a version",fieldPath=".canary.to",rule="!has(self.canary) || !has(self.versions) || has(self.canary.to) && self.versions.exists(v, v.name == self.canary.to)"
// +kubebuilder:validation:XValidation:message="from must be the name of a version",fieldPath=".canary.from",rule="!has(self.canary) || !has(self.canary.from) || has(self.versions) && self.versions.exists(v, v.name == self.canary.from)"
// +kubebuilder:validation:XValidation:message="every key must be the name of a version",fieldPath=".traffic",rule="!has(self.traffic) || !has(self.versions) || self.traffic.all(k, self.versions.exists(v, v.name == k))"
// +kubebuilder:validation:XValidation:message="the shares must sum to exactly 100",fieldPath=".traffic",rule="!has(self.traffic) || self.traffic.map(k, type(self.traffic[k]) == int ? int(self.traffic[k]) * 100 : int(double(string(self.traffic[k])) * 100.0 + 0.5)).sum() == 10000"
// +kubebuilder:validation:XValidation:message="versions is required with traffic",fieldPath=".versions",rule="has(self.versions) || !has(self.traffic)"
// +kubebuilder:validation:XValidation:message="without versions leave active out: it is what the selector of the Service selects",fieldPath=".blueGreen.active",rule="has(self.versions) || !has(self.blueGreen) || !has(self.blueGreen.active)"
// +kubebuilder:validation:XValidation:message="without versions leave together out: each Service is a version of its own",fieldPath=".blueGreen.together",rule="has(self.versions) || !has(self.blueGreen) || !has(self.blueGreen.together)"
// +kubebuilder:validation:XValidation:message="without versions leave to out: it is what the selector of the Service selects",fieldPath=".canary.to",rule="has(self.versions) || !has(self.canary) || !has(self.canary.to)"
type RolloutSpec struct {
	// The Service whose traffic is split, in the same namespace.
	TargetRef TargetRef `json:"targetRef"`

	// The versions. Each selector is merged over the Service's own selector. Without versions
	// (blueGreen, canary) a new selector of the Service is a new version, called "selector": the
	// traffic moves from what the old one selects to what the new one does.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Versions []Version `json:"versions,omitempty"`

	// Traffic by hand: the share of each version in percent, as an integer or a decimal
	// string in steps of 0.01. The shares sum to exactly 100; a version that is not named
	// gets none.
	//
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	Traffic map[string]Percent `json:"traffic,omitempty"`

	// Blue/green: all traffic moves to the active version in one step, once that version
	// is healthy.
	//
	// +optional
	BlueGreen *BlueGreen `json:"blueGreen,omitempty"`

	// Canary: the traffic moves in steps.
	//
	// +optional
	Canary *Canary `json:"canary,omitempty"`

	// Keep each user with one version: which one follows from who the user is, and a share that grows
	// takes users from the others and never gives one back. HTTP only.
	//
	// +optional
	Stickiness *Stickiness `json:"stickiness,omitempty"`

	// HTTP services that are asked, or told, at moments of a canary; of blueGreen, before and after.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Hooks []Hook `json:"hooks,omitempty"`

	// Who is told what happens.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Notifications []Notification `json:"notifications,omitempty"`

	// Times in which no traffic moves to another version, but back. Not with traffic by hand.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Freeze []FreezeWindow `json:"freeze,omitempty"`

	// Other Rollouts that have to be through, in phase Stable or Holding, before this one begins. Not with
	// traffic by hand.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	After []RolloutRef `json:"after,omitempty"`

	// Rollouts of one group are limited together, by spec.rollouts.maxConcurrentPerGroup of a Fleet.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Group string `json:"group,omitempty"`
}

// TargetRef names the Service that a policy is attached to.
type TargetRef struct {
	// The API group of the Service: the core group, which has no name.
	//
	// +optional
	// +kubebuilder:validation:Enum=""
	Group string `json:"group,omitempty"`
	// Always Service.
	//
	// +optional
	// +kubebuilder:default=Service
	// +kubebuilder:validation:Enum=Service
	Kind string `json:"kind,omitempty"`
	// The name of the Service.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
}

// Version is a set of Pods or Workloads that run the same version of the software. A version
// whose selector changes is a new version.
type Version struct {
	// What traffic, blueGreen, canary and messages call it.
	//
	// +kubebuilder:validation:XValidation:message="selector is what versions of a Rollout without versions of its own are called",rule="self != 'selector'"
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// Labels of the version's Pods or Workloads, merged over the Service's selector.
	//
	// +kubebuilder:validation:MinProperties=1
	Selector map[string]string `json:"selector"`
}

// Percent is a share: an integer from 0 to 100, or a decimal string such as "99.95".
//
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:XValidation:message="must be between 0 and 100",rule="type(self) != int || int(self) >= 0 && int(self) <= 100"
// +kubebuilder:validation:MaxLength=6
// +kubebuilder:validation:Pattern=`^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$`
type Percent intstr.IntOrString

// BlueGreen moves all traffic at once.
type BlueGreen struct {
	// The version that shall have the traffic. Required with versions.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Active string `json:"active,omitempty"`

	// How many of the active version's endpoints must be healthy before it gets the traffic:
	// a number, or a percentage of all endpoints that it selects, ready or not. At least one
	// is always asked for.
	//
	// +optional
	// +kubebuilder:default="100%"
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:message="must not be negative",rule="type(self) != int || int(self) >= 0"
	// +kubebuilder:validation:Pattern=`^(100|[0-9]{1,2})%$`
	MinHealthy *intstr.IntOrString `json:"minHealthy,omitempty"`

	// How long the version that had the traffic before is kept warm for an instant way back.
	//
	// +optional
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	HoldOld *metav1.Duration `json:"holdOld,omitempty"`

	// How long an Envoy that is not ready for the active version holds back the flip while
	// others are ready. After it, they flip without it; it keeps its previous route.
	//
	// +optional
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// Rollouts of the namespace with the same name here flip together: at once, and when all of them name the
	// same version as active, are ready for it on every Envoy, and nothing is in the way of any. When an Envoy refuses any of it
	// within a minute, all of them return. Needs versions.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Together string `json:"together,omitempty"`

	// Show a version to some before it is the active one.
	//
	// +optional
	Preview *Preview `json:"preview,omitempty"`
}

// RolloutStatus is where the traffic is now.
type RolloutStatus struct {
	// The generation of the spec that this status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// What the rollout is doing. Stable: the traffic is where the spec wants it. Waiting: the
	// spec wants it elsewhere, and what stands there is not healthy yet, or not any more, or something
	// in holds is in the way.
	// Holding: the traffic has moved, and the version before is kept for holdOld. Progressing: a
	// canary takes its steps. Paused: it waits to be told to go on. Baking: it has all traffic, and
	// does not count as stable yet. Aborted: it was given up; the stable version has the traffic,
	// or gets it.
	//
	// +optional
	Phase RolloutPhase `json:"phase,omitempty"`

	// The version that has the traffic, or most of it (blueGreen, canary).
	//
	// +optional
	Live string `json:"live,omitempty"`

	// Where a canary stands.
	//
	// +optional
	Canary *CanaryStatus `json:"canary,omitempty"`

	// What it waits for, other than endpoints and time.
	//
	// +optional
	// +listType=atomic
	Holds []RolloutHold `json:"holds,omitempty"`

	// Every version that is kept, also one that the spec no longer names, with its weight.
	// The weights sum to WeightTotal.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Versions []VersionStatus `json:"versions,omitempty"`

	// Why the rollout stands where it stands, for people.
	//
	// +optional
	Message string `json:"message,omitempty"`

	// For other software. Ready: the traffic is where the spec wants it. Progressing: it moves there.
	// Degraded: it was given up, or a version that has traffic fails. Stalled: it was given up.
	// Drained: what has lost its traffic last is safe to delete; the message names it.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// What gateway-cp goes on from. It is for gateway-cp only, and only there in Kubernetes.
	//
	// +optional
	State *StoredState `json:"state,omitempty"`

	// What has happened lately, the oldest first; only there in Kubernetes. Events have it for an hour, too.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	History []RolloutRecord `json:"history,omitempty"`
}

// StoredState is the state of a rollout, for the replica of gateway-cp that leads next.
type StoredState struct {
	// The term of the replica that has written it: the transitions of the Lease, plus one. Another that leads
	// in an earlier term may not write any more.
	Epoch int64 `json:"epoch"`
	// The replica that has written it.
	//
	// +optional
	Holder string `json:"holder,omitempty"`
	// The state, as JSON.
	Data string `json:"data"`
}

// RolloutRecord is something that has happened to a rollout.
type RolloutRecord struct {
	// When.
	Time metav1.Time `json:"time"`
	// What, in the words of Events: WeightsChanged, CanaryPromoted …
	Reason string `json:"reason"`
	// Somebody should look.
	//
	// +optional
	Warning bool `json:"warning,omitempty"`
	// What, for people.
	//
	// +optional
	Message string `json:"message,omitempty"`
	// Who made it happen, where it was a person.
	//
	// +optional
	By string `json:"by,omitempty"`
}

// RolloutPhase says what a rollout is doing.
//
// +kubebuilder:validation:Enum=Stable;Waiting;Holding;Progressing;Paused;Baking;Aborted
type RolloutPhase string

const (
	// PhaseStable: the traffic is where the spec wants it; nothing old is kept.
	PhaseStable RolloutPhase = "Stable"
	// PhaseWaiting: the spec wants the traffic elsewhere; the version there is not healthy yet.
	PhaseWaiting RolloutPhase = "Waiting"
	// PhaseHolding: the traffic has moved; the version before is kept warm until holdOld ends.
	PhaseHolding RolloutPhase = "Holding"
	// PhaseProgressing: a canary takes its steps.
	PhaseProgressing RolloutPhase = "Progressing"
	// PhasePaused: a canary waits to be told to go on.
	PhasePaused RolloutPhase = "Paused"
	// PhaseBaking: a canary has all traffic, and does not count as stable yet.
	PhaseBaking RolloutPhase = "Baking"
	// PhaseAborted: a canary was given up.
	PhaseAborted RolloutPhase = "Aborted"
)

// WeightTotal is the sum of the weights of a rollout: steps of 0.01 %.
const WeightTotal = 10000

// VersionStatus is a version with its current weight.
type VersionStatus struct {
	// The name in the spec.
	Name string `json:"name"`
	// The selector in the spec: another one is another version.
	Selector map[string]string `json:"selector"`
	// Its share of the traffic now, in units of 0.01 %.
	Weight int32 `json:"weight"`
	// No endpoint of the version passes its health check on any Envoy. With traffic by hand
	// its share has gone to the others, if any of these is healthy; the live version of
	// blueGreen keeps the traffic.
	//
	// +optional
	Unhealthy bool `json:"unhealthy,omitempty"`
	// The requests that go to the version, whatever its weight.
	//
	// +optional
	// +listType=atomic
	Match []RequestMatch `json:"match,omitempty"`
	// The requests that are copied to the version.
	//
	// +optional
	Mirror *Mirror `json:"mirror,omitempty"`
	// Until when a version that has no traffic any more is kept.
	//
	// +optional
	HeldUntil *metav1.Time `json:"heldUntil,omitempty"`
}

// RolloutList is a list of Rollouts.
//
// +kubebuilder:object:root=true
type RolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Rollout `json:"items"`
}
