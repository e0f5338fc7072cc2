package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Hook is an HTTP service that is asked, or told, at a moment of a rollout, by a POST. An answer 2xx
// means yes, 202 not yet, another 4xx than 408, 425 and 429 no; everything else is no answer, and
// is asked for again. A 2xx answer may say {"decision": "approve", "wait" or "reject", "message": "…"}.
//
// +kubebuilder:validation:ExactlyOneOf=url;urlFrom
type Hook struct {
	// What messages call it.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// The moment. before: before the version gets any traffic. increase: before a step of a canary
	// lets its share grow. during: every interval, while a canary has a share. promotion: before a
	// canary gets all traffic. All of these may say no, and then the version is given up. after: once it is the
	// stable version, and rollback: when it was given up. These are only told.
	//
	// +kubebuilder:validation:Enum=before;increase;during;promotion;after;rollback
	When HookMoment `json:"when"`

	// Where it is.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	URL string `json:"url,omitempty"`

	// Where it is, when that is a secret.
	//
	// +optional
	URLFrom *SecretKeyRef `json:"urlFrom,omitempty"`

	// The key that requests are signed with, by HMAC-SHA256, as Standard Webhooks has it: in the header
	// webhook-signature. Nothing said: they are not signed.
	//
	// +optional
	SigningKey *SecretKeyRef `json:"signingKey,omitempty"`

	// How long one request may take, at most 5m. Without it: 10s.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// How often it is asked again when it does not answer: after 1s, 2s, 4s and so on, up to 1m.
	// Without it: 3.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Retries *int32 `json:"retries,omitempty"`

	// How far apart it is asked during a rollout, and after it has said "not yet". Without it: 1m
	// and, after "not yet", 10s, unless the answer has a Retry-After.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	Interval *metav1.Duration `json:"interval,omitempty"`

	// How long it may say "not yet" before that counts as no answer. Without it, there is no end.
	//
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	MaxTime *metav1.Duration `json:"maxTime,omitempty"`

	// What happens when it does not answer, after all retries: pause waits until somebody promotes or
	// aborts; rollback gives the version up; promote goes on without it. Without it: pause.
	//
	// +optional
	// +kubebuilder:validation:Enum=pause;rollback;promote
	OnInconclusive InconclusiveAction `json:"onInconclusive,omitempty"`
}

// HookMoment is when a hook is asked.
type HookMoment string

// The moments.
const (
	HookBefore    HookMoment = "before"
	HookIncrease  HookMoment = "increase"
	HookDuring    HookMoment = "during"
	HookPromotion HookMoment = "promotion"
	HookAfter     HookMoment = "after"
	HookRollback  HookMoment = "rollback"
)

// SecretKeyRef names a value in a Secret of the same namespace. Where there is no such Secret among the objects that are
// read, it is the file NAMESPACE/NAME/KEY in the directory that --hook-secrets names.
type SecretKeyRef struct {
	// The name of the Secret.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// The key in it.
	//
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-_a-zA-Z0-9][-._a-zA-Z0-9]*$`
	Key string `json:"key"`
}

// Notification tells somebody what happens to a rollout, as it happens, by a POST. It is sent up to five times
// within a minute, and decides nothing.
//
// +kubebuilder:validation:ExactlyOneOf=url;urlFrom
type Notification struct {
	// What messages call it.
	//
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// How it is written. json: an object. slack: {"text": …}, as Slack, Mattermost and Rocket.Chat take it.
	// cloudevents: CloudEvents 1.0 in binary mode; cloudevents-structured: the same in structured mode.
	// Without it: json.
	//
	// +optional
	// +kubebuilder:validation:Enum=json;slack;cloudevents;cloudevents-structured
	Format NotificationFormat `json:"format,omitempty"`

	// Where it goes.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	URL string `json:"url,omitempty"`

	// Where it goes, when that is a secret, as the address of a Slack webhook is.
	//
	// +optional
	URLFrom *SecretKeyRef `json:"urlFrom,omitempty"`

	// The key that it is signed with: see hooks.
	//
	// +optional
	SigningKey *SecretKeyRef `json:"signingKey,omitempty"`

	// The reasons of the events that are told, as rollout history names them. Nothing said: all but Waiting, Abandoned,
	// WeightsChanged, HoldEnded and HookAnswered.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Z][A-Za-z]*$`
	Events []string `json:"events,omitempty"`
}

// NotificationFormat is how a notification is written.
type NotificationFormat string

// The formats.
const (
	NotifyJSON                  NotificationFormat = "json"
	NotifySlack                 NotificationFormat = "slack"
	NotifyCloudEvents           NotificationFormat = "cloudevents"
	NotifyCloudEventsStructured NotificationFormat = "cloudevents-structured"
)
