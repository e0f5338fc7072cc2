package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// What holds where a spec says nothing; admission sets the same.
const (
	DefaultHoldOld  = 10 * time.Minute
	DefaultDeadline = time.Minute
)

// noDeadline has every Envoy waited for.
const noDeadline = time.Duration(-1)

// verdict is what the gate says of a version that shall have traffic.
type verdict struct {
	open   bool
	why    string   // why it is closed, for people, without the version as its subject
	behind []string // Envoys that it was opened without

	// Since when some, but not all, Envoys are ready; zero: none or all.
	since time.Time
}

// gate says whether a version may get traffic: minHealthy of its endpoints must be healthy on
// every connected Envoy. Envoys on which they are not hold it back, once it is ready on others,
// for the deadline, or with noDeadline for good. Without any Envoy, what the objects say decides.
func (s *step) gate(v *version, minHealthy *intstr.IntOrString, deadline time.Duration) verdict {
	need := needed(minHealthy, v.seen.Total)
	switch {
	case !v.known:
		return verdict{why: "waits: nothing is known yet of its endpoints"}
	case v.seen.Ready <= 0:
		return verdict{why: fmt.Sprintf("has no ready endpoints (0 of %d)", v.seen.Total)}
	case v.seen.Ready < need:
		return verdict{why: fmt.Sprintf("has %d of %d endpoints ready and needs %d", v.seen.Ready, v.seen.Total, need)}
	case s.settling > 0:
		s.wakeAt(s.now.Add(s.settling))
		return verdict{since: v.ReadySince, why: "waits until " + clock(s.now.Add(s.settling)) +
			", since Envoys may still be on their way back after the start of the control plane"}
	}
	if v.seen.Fresh {
		return verdict{since: v.ReadySince, why: "waits: Envoys are being given its endpoints"}
	}
	ready, missing := 0, []EnvoyObserved(nil)
	for _, e := range v.seen.Envoys {
		if e.Warm && !e.Unknown && (!v.seen.Checked || e.Healthy >= need) {
			ready++
		} else {
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 {
		return verdict{open: true}
	}
	why := notReadyOn(ready, missing, need)
	if ready == 0 || deadline == noDeadline {
		return verdict{why: why}
	}
	since := v.ReadySince
	if since.IsZero() || since.After(s.now) { // after: the clock went back; the wait starts again
		since = s.now
	}
	end := since.Add(deadline)
	if !s.now.Before(end) {
		return verdict{open: true, behind: names(missing), since: since}
	}
	s.wakeAt(end)
	return verdict{since: since, why: why + "; goes on without at " + clock(end)}
}

// await notes the verdict on a version that does not get its traffic in this call.
func (s *step) await(v *version, g verdict) {
	told := v.was || v.Waiting
	v.Waiting, v.ReadySince, v.why = true, g.since, g.why
	if !told {
		s.event(EventWaiting, false, "%s %s", v.label, g.why)
	}
}

// admit notes that a version has passed.
func (s *step) admit(v *version, g verdict) {
	v.Waiting, v.ReadySince, v.Unhealthy, v.admitted = false, time.Time{}, false, true
	if len(g.behind) > 0 {
		s.event(EventEnvoysLeftBehind, true, "%s gets its traffic though it is not ready on %s, which keep their previous route until it is",
			v.label, list(g.behind))
	}
}

// needed is how many endpoints must be healthy: a number or a percentage of all, at least one.
// What is neither counts as all of them.
func needed(minHealthy *intstr.IntOrString, total int) int {
	if minHealthy == nil {
		return max(1, total)
	}
	if minHealthy.Type == intstr.Int {
		return max(1, int(minHealthy.IntVal))
	}
	p, err := strconv.Atoi(strings.TrimSuffix(minHealthy.StrVal, "%"))
	if err != nil || p > 100 {
		p = 100
	}
	return max(1, (p*total+99)/100)
}

// lasting is a duration of the spec; negative is zero.
func lasting(d *metav1.Duration, unset time.Duration) time.Duration {
	if d == nil {
		return unset
	}
	return max(0, d.Duration)
}

func notReadyOn(ready int, missing []EnvoyObserved, need int) string {
	why := make([]string, 0, len(missing))
	for _, e := range missing {
		switch {
		case e.Why != "":
			why = append(why, fmt.Sprintf("%s (%s)", e.Name, e.Why))
		case e.Unknown:
			why = append(why, fmt.Sprintf("%s (nothing is known of it)", e.Name))
		case !e.Warm:
			why = append(why, fmt.Sprintf("%s (its cluster is not warm)", e.Name))
		default:
			why = append(why, fmt.Sprintf("%s (%d healthy, needs %d)", e.Name, e.Healthy, need))
		}
	}
	return fmt.Sprintf("is ready on %d of %d Envoys, not on %s", ready, ready+len(missing), list(why))
}

func names(envoys []EnvoyObserved) []string {
	out := make([]string, 0, len(envoys))
	for _, e := range envoys {
		out = append(out, e.Name)
	}
	return out
}

// list writes a few of the items, sorted, and how many more there are.
func list(items []string) string {
	const most = 3
	slices.Sort(items)
	if len(items) <= most {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:most], ", "), len(items)-most)
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
