package admission

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/calendar"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// order checks when a Rollout may begin.
func (r *report) order(ro *v1alpha1.Rollout) {
	sp := &ro.Spec
	for _, f := range []struct {
		name string
		used bool
	}{{"freeze", len(sp.Freeze) > 0}, {"after", len(sp.After) > 0}} {
		if f.used && sp.Traffic != nil {
			r.fail(spec.Child(f.name), api.ReasonInvalidField, "use canary or blueGreen, or leave it out", "traffic by hand moves as the file says, at once")
		}
	}
	r.atMost(spec.Child("freeze"), len(sp.Freeze), 16)
	r.freeze(spec.Child("freeze"), sp.Freeze)
	r.atMost(spec.Child("after"), len(sp.After), 16)
	for i, other := range sp.After {
		at := spec.Child("after").Index(i)
		if other.Namespace != "" {
			r.name(at.Child("namespace"), other.Namespace, true)
		}
		switch {
		case other.Name == "":
			r.missing(at.Child("name"), "name the Rollout that has to be through before")
		case other.Name == ro.Name && (other.Namespace == "" || other.Namespace == ro.Namespace):
			r.fail(at, api.ReasonInvalidField, "leave it out", "it would wait for itself")
		default:
			r.name(at.Child("name"), other.Name, false)
		}
	}
	if sp.Group != "" {
		r.name(spec.Child("group"), sp.Group, true)
	}
}

// freeze checks windows of time.
func (r *report) freeze(list *field.Path, windows []v1alpha1.FreezeWindow) {
	seen := map[string]int{}
	for i, w := range windows {
		at := list.Index(i)
		r.named(list, i, w.Name, seen)
		switch {
		case w.Schedule == "" && w.From == "" && w.To == "" && w.Duration == nil:
			r.missing(at.Child("schedule"), "say when, as schedule: \"0 18 * * FRI\" with duration: 62h, or as from: 2026-12-20 with to: 2027-01-03")
			continue
		case w.Schedule != "" && (w.From != "" || w.To != ""):
			r.fail(at.Child("schedule"), api.ReasonInvalidField, "make it two windows", "cannot be used together with from and to")
			continue
		case w.Schedule == "" && w.Duration != nil:
			r.missing(at.Child("schedule"), "say when it begins, such as \"0 18 * * FRI\"; with from and to, leave duration out")
			continue
		case w.Schedule != "" && w.Duration == nil:
			r.missing(at.Child("duration"), "say how long it lasts, such as 62h")
			continue
		case w.Schedule == "" && w.From == "":
			r.missing(at.Child("from"), "say when it begins, such as 2026-12-20T18:00")
			continue
		case w.Schedule == "" && w.To == "":
			r.missing(at.Child("to"), "say when it ends, such as 2027-01-03")
			continue
		}
		var wrong *calendar.FieldError
		if err := calendar.Check(w); errors.As(err, &wrong) {
			r.fail(at.Child(wrong.Field), api.ReasonInvalidField, "write it as in schedule: \"0 18 * * FRI\", duration: 62h, timeZone: Europe/Berlin, or from: 2026-12-20, to: 2027-01-03", "%v", wrong)
		}
	}
}

func (r *report) fleetRollouts(at *field.Path, f *v1alpha1.FleetRollouts) {
	r.atMost(at.Child("freeze"), len(f.Freeze), 32)
	r.freeze(at.Child("freeze"), f.Freeze)
	for _, limit := range []struct {
		name  string
		value *int32
	}{{"maxConcurrent", f.MaxConcurrent}, {"maxConcurrentPerNamespace", f.MaxConcurrentPerNamespace}, {"maxConcurrentPerGroup", f.MaxConcurrentPerGroup}} {
		if limit.value != nil && *limit.value < 1 {
			r.fail(at.Child(limit.name), api.ReasonInvalidField, "leave it out for no limit; to stop all rollouts, use freeze", "it must be at least 1")
		}
	}
}
