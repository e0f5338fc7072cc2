package admission

import (
	"net/url"
	"regexp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// longestRequest bounds the time-out of a request to a hook.
const longestRequest = 5 * time.Minute

// canaryMoments are those of hooks that blueGreen does not have: it moves all traffic at once.
var canaryMoments = []v1alpha1.HookMoment{v1alpha1.HookIncrease, v1alpha1.HookDuring, v1alpha1.HookPromotion, v1alpha1.HookRollback}

func (r *report) hooks(sp *v1alpha1.RolloutSpec) {
	all := spec.Child("hooks")
	r.atMost(all, len(sp.Hooks), 16)
	if len(sp.Hooks) > 0 && sp.Traffic != nil {
		r.fail(all, api.ReasonInvalidField, "use canary or blueGreen, or leave the hooks out", "traffic by hand asks nobody")
	}
	seen := map[string]int{}
	for i := range sp.Hooks {
		h, at := &sp.Hooks[i], all.Index(i)
		r.named(all, i, h.Name, seen)
		switch {
		case h.When == "":
			r.missing(at.Child("when"), "say at which moment: before, increase, during, promotion, after or rollback")
		case h.When != v1alpha1.HookBefore && h.When != v1alpha1.HookAfter && !slices.Contains(canaryMoments, h.When):
			r.fail(at.Child("when"), api.ReasonInvalidField, "use before, increase, during, promotion, after or rollback", "there is no moment %q", h.When)
		case sp.BlueGreen != nil && slices.Contains(canaryMoments, h.When):
			r.fail(at.Child("when"), api.ReasonInvalidField, "use before or after", "blueGreen moves all traffic at once, and has no moment %q", h.When)
		}
		r.webAddress(at, h.URL, h.URLFrom)
		r.secretKey(at.Child("signingKey"), h.SigningKey)
		if d := h.Timeout; d != nil && (d.Duration <= 0 || d.Duration > longestRequest) {
			r.fail(at.Child("timeout"), api.ReasonInvalidField, "leave it out for 10s, or let the hook answer 202 until it knows", "it must be more than 0 and at most %s", longestRequest)
		}
		if n := h.Retries; n != nil && (*n < 0 || *n > 100) {
			r.fail(at.Child("retries"), api.ReasonInvalidField, "leave it out for 3", "it must be from 0 to 100")
		}
		if d := h.Interval; d != nil && d.Duration < time.Second {
			r.fail(at.Child("interval"), api.ReasonInvalidField, "leave it out, or use 1s or more", "it must be at least 1s")
		}
		if d := h.MaxTime; d != nil && d.Duration <= 0 {
			r.fail(at.Child("maxTime"), api.ReasonInvalidField, "leave it out to wait without end, or write a time such as 1h", "it must be more than 0")
		}
		switch h.OnInconclusive {
		case "", v1alpha1.InconclusivePause, v1alpha1.InconclusiveRollback, v1alpha1.InconclusivePromote:
		default:
			r.fail(at.Child("onInconclusive"), api.ReasonInvalidField, "use pause, rollback or promote", "there is no %q", h.OnInconclusive)
		}
	}
}

// named asks for a name that no earlier entry of the list has.
func (r *report) named(list *field.Path, i int, name string, seen map[string]int) {
	at := list.Index(i).Child("name")
	if first, again := seen[name]; again {
		r.duplicate(at, list.Index(first).Child("name"), "the name %q", name)
		return
	}
	seen[name] = i
	r.name(at, name, true)
}

// webAddress asks for exactly one of an address and a secret that has it. Nothing that it says holds the
// address: some are secrets all the same.
func (r *report) webAddress(at *field.Path, address string, from *v1alpha1.SecretKeyRef) {
	switch {
	case address == "" && from == nil:
		r.missing(at.Child("url"), "give the address, or the Secret that has it as urlFrom: {name: …, key: …}")
	case address != "" && from != nil:
		r.fail(at.Child("urlFrom"), api.ReasonInvalidField, "keep one of them", "cannot be used together with %s", at.Child("url"))
	case address != "":
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || len(address) > 2048 {
			r.fail(at.Child("url"), api.ReasonInvalidField, "write http://HOST/… or https://HOST/…", "it is not the address of an HTTP service")
		} else if u.User != nil {
			r.fail(at.Child("url"), api.ReasonInvalidField, "put the whole address into a Secret, and name it as urlFrom", "a password does not belong into a Rollout")
		}
	}
	r.secretKey(at.Child("urlFrom"), from)
}

var secretKeyShape = regexp.MustCompile(`^[-_a-zA-Z0-9][-._a-zA-Z0-9]*$`)

func (r *report) secretKey(at *field.Path, ref *v1alpha1.SecretKeyRef) {
	if ref == nil {
		return
	}
	if ref.Name == "" {
		r.missing(at.Child("name"), "name the Secret")
	} else {
		r.name(at.Child("name"), ref.Name, false)
	}
	if ref.Key == "" {
		r.missing(at.Child("key"), "name the key in the Secret")
	} else if !secretKeyShape.MatchString(ref.Key) || len(ref.Key) > 253 {
		r.fail(at.Child("key"), api.ReasonInvalidField, "use letters, digits, -, _ and .", "no Secret has such a key")
	}
}

func (r *report) notifications(all []v1alpha1.Notification) {
	list := spec.Child("notifications")
	r.atMost(list, len(all), 8)
	seen := map[string]int{}
	for i := range all {
		n, at := &all[i], list.Index(i)
		r.named(list, i, n.Name, seen)
		switch n.Format {
		case "", v1alpha1.NotifyJSON, v1alpha1.NotifySlack, v1alpha1.NotifyCloudEvents, v1alpha1.NotifyCloudEventsStructured:
		default:
			r.fail(at.Child("format"), api.ReasonInvalidField, "use json, slack, cloudevents or cloudevents-structured", "there is no format %q", n.Format)
		}
		r.webAddress(at, n.URL, n.URLFrom)
		r.secretKey(at.Child("signingKey"), n.SigningKey)
		r.atMost(at.Child("events"), len(n.Events), 32)
		for j, e := range n.Events {
			if !eventShape.MatchString(e) || len(e) > 63 {
				r.fail(at.Child("events").Index(j), api.ReasonInvalidField, "use a reason as rollout history names it, such as CanaryAborted", "%q is no reason of an event", e)
			} else if slices.Index(n.Events, e) < j {
				r.duplicate(at.Child("events").Index(j), at.Child("events").Index(slices.Index(n.Events, e)), "%q", e)
			}
		}
	}
}

var eventShape = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
