package rollout

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// LeftState is what has lost its traffic last. Its JSON form is stored.
type LeftState struct {
	At       time.Time `json:"at"`
	Versions []string  `json:"versions"` // by VersionID
	Names    []string  `json:"names"`
}

// asked says which versions the spec wants to have traffic, now or later.
func asked(spec v1alpha1.RolloutSpec) func(name string) bool {
	return func(name string) bool {
		switch {
		case spec.BlueGreen != nil:
			return name == spec.BlueGreen.Active
		case spec.Canary != nil:
			return name == spec.Canary.To
		}
		w, err := spec.Traffic[name].Weight()
		return err != nil || w > 0
	}
}

// leave notes which versions have lost all their traffic in this call.
func (s *step) leave() *LeftState {
	weight := map[string]int32{}
	for _, v := range s.versions {
		weight[v.id] = v.Weight
	}
	now := &LeftState{At: s.now}
	for _, v := range s.before.Versions {
		if v.Weight > 0 && weight[v.ID()] == 0 {
			now.add(v.ID(), v.Name)
		}
	}
	before := s.before.Left
	switch {
	case len(now.Versions) > 0:
		return now
	case before == nil:
		return nil
	}
	kept := &LeftState{At: before.At}
	for i, id := range before.Versions {
		if weight[id] == 0 && i < len(before.Names) {
			kept.add(id, before.Names[i])
		}
	}
	if len(kept.Versions) == 0 {
		return nil
	}
	return kept
}

func (l *LeftState) add(id, name string) {
	l.Versions, l.Names = append(l.Versions, id), append(l.Names, name)
}

// conditions say in the words of Kubernetes where the rollout stands; when they have become what they are is
// not known here. See v1alpha1.RolloutStatus.
func (s *step) conditions(r Result) []metav1.Condition {
	var all []metav1.Condition
	add := func(typ string, is bool, reason, message string) {
		c := metav1.Condition{Type: typ, Status: metav1.ConditionFalse, Reason: reason, Message: message}
		if is {
			c.Status = metav1.ConditionTrue
		}
		all = append(all, c)
	}
	phase := r.Phase
	aborted := phase == v1alpha1.PhaseAborted
	add(v1alpha1.ConditionReady, through(phase), string(phase), r.Message)
	moving := phase == v1alpha1.PhaseWaiting || phase == v1alpha1.PhaseProgressing || phase == v1alpha1.PhaseBaking
	add(v1alpha1.ConditionProgressing, moving, string(phase), r.Message)
	if degraded := s.degraded(); aborted {
		add(v1alpha1.ConditionDegraded, true, string(phase), r.Message)
	} else if degraded != "" {
		add(v1alpha1.ConditionDegraded, true, v1alpha1.ReasonVersionFails, degraded)
	} else {
		add(v1alpha1.ConditionDegraded, false, v1alpha1.ReasonAsExpected, "")
	}
	add(v1alpha1.ConditionStalled, aborted, string(phase), "")
	drained, reason, message := s.drained(r.State.Left)
	add(v1alpha1.ConditionDrained, drained, reason, message)
	return all
}

// degraded says which versions have traffic that fails.
func (s *step) degraded() string {
	var lacking []string
	for _, v := range s.versions {
		if lacks := v.lacks(); lacks != "" && (v.Weight > 0 || v.Unhealthy) {
			lacking = append(lacking, v.label+" "+lacks)
		}
	}
	return strings.Join(lacking, "; ")
}

// drained says whether what has lost its traffic last can be deleted.
func (s *step) drained(left *LeftState) (is bool, reason, message string) {
	if left == nil {
		return true, v1alpha1.ReasonNothingLeft, "no version has lost its traffic"
	}
	names := strings.Join(left.Names, ", ")
	for _, v := range s.versions {
		switch {
		case !slices.Contains(left.Versions, v.id):
		case !v.HeldUntil.IsZero():
			return false, v1alpha1.ReasonHeld, v.label + " has no traffic, and is kept until " + clock(v.HeldUntil) + " for the way back"
		case v.inSpec && s.asks(v.Name) || v.Waiting:
			return false, v1alpha1.ReasonInUse, v.label + " has no traffic, and the spec asks for it"
		case v.shown():
			return false, v1alpha1.ReasonInUse, v.label + " gets the requests that ask for it"
		}
	}
	if end := left.At.Add(s.observed.Drain); s.now.Before(end) {
		s.wakeAt(end)
		return false, v1alpha1.ReasonDraining, names + ": what is under way may take until " + clock(end)
	}
	return true, v1alpha1.ReasonSafeToDelete, "safe to delete: " + names
}
