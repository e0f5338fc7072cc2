package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FreezeWindow is a time in which no rollout begins, and no share of a canary grows. What goes back goes back
// all the same. It has either a schedule and a duration, or from and to.
//
// +kubebuilder:validation:ExactlyOneOf=schedule;from
// +kubebuilder:validation:XValidation:message="schedule and duration belong together",rule="has(self.schedule) == has(self.duration)"
// +kubebuilder:validation:XValidation:message="from and to belong together",rule="has(self.from) == has(self.to)"
type FreezeWindow struct {
	// What messages call it.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// When it begins, again and again: minute, hour, day of the month, month, day of the week, as
	// cron has it. "0 18 * * FRI" is every Friday at 18:00.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:MinLength=1
	Schedule string `json:"schedule,omitempty"`

	// How long it lasts then, on the clock on the wall: 62h from Friday at 18:00 is until Monday at 08:00, also when
	// the clocks are changed in between.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// When it begins, once: 2026-12-20T18:00 or, for midnight, 2026-12-20.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$`
	From string `json:"from,omitempty"`

	// When it ends; that day, or minute, is not in it any more.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$`
	To string `json:"to,omitempty"`

	// The time zone of all of it, such as Europe/Berlin. Without it: UTC.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`
}

// RolloutRef names another Rollout.
type RolloutRef struct {
	// Its namespace; without it, the same.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
	// Its name.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// FleetRollouts bounds what the rollouts of a fleet do: canaries, and flips of blueGreen. Traffic by hand does as the
// file says.
type FleetRollouts struct {
	// Times in which no rollout of the fleet begins, and no share grows.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Freeze []FreezeWindow `json:"freeze,omitempty"`

	// How many rollouts may be under way at once. The others wait, in the order in which they came.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConcurrent *int32 `json:"maxConcurrent,omitempty"`

	// The same, of each namespace.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConcurrentPerNamespace *int32 `json:"maxConcurrentPerNamespace,omitempty"`

	// The same, of each group: see spec.group of Rollouts.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConcurrentPerGroup *int32 `json:"maxConcurrentPerGroup,omitempty"`
}

// RolloutHold is something that a rollout waits for, other than endpoints and time.
type RolloutHold struct {
	// What kind it is.
	Reason HoldReason `json:"reason"`
	// What it is, for people.
	Message string `json:"message"`
	// Until when, where that is known.
	//
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// HoldReason is a kind of hold.
//
// +kubebuilder:validation:Enum=Freeze;Dependency;Limit;Hook
type HoldReason string

// The kinds.
const (
	// HoldFreeze: a freeze window.
	HoldFreeze HoldReason = "Freeze"
	// HoldDependency: another Rollout is not through yet.
	HoldDependency HoldReason = "Dependency"
	// HoldLimit: as many are under way as may be.
	HoldLimit HoldReason = "Limit"
	// HoldHook: a hook has not said yes.
	HoldHook HoldReason = "Hook"
)
