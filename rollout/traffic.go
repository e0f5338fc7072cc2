package rollout

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// traffic splits by hand. Versions that have traffic follow the spec at once; one that has none
// passes the gate first, with one healthy endpoint. The share of a version that cannot have it
// (empty, unhealthy on every Envoy, or before its gate) stays with the versions that hold more than they are asked to
// hold; what these cannot cover goes to the others in proportion. So replacing a version moves
// no traffic before the new one is there, and a version that fails spreads over those that run,
// until it passes the gate again.
func (s *step) traffic(shares map[string]v1alpha1.Percent) Result {
	if err := s.want(shares); err != nil {
		return s.stay("%v", err)
	}
	for _, v := range s.versions {
		v.Match, v.Mirror = nil, nil // by hand, there is no preview
	}
	s.tried, s.ending = nil, nil // by hand, nothing is asked
	if s.first {
		for _, v := range s.versions {
			v.Weight = v.want
		}
		s.watchHealth()
		s.leaveFailing()
		s.event(EventFirstDeployment, false, "first deployment: the traffic is split at once: %s", s.shares())
	} else {
		s.watchHealth()
		s.askGates()
		s.split()
		s.weightEvents()
	}
	s.settleHealth()
	s.keep(func(v *version) bool { return v.inSpec || v.Weight > 0 })
	for _, v := range s.versions {
		v.HeldUntil = time.Time{} // by hand, nothing is held: what the spec names is kept
	}
	phase := v1alpha1.PhaseStable
	for _, v := range s.versions {
		if v.Weight != v.want {
			phase = v1alpha1.PhaseWaiting
		}
		if v.Weight == 0 && v.want > 0 {
			s.awaitEmptied(v)
			s.say("%s %s", v.label, v.why)
		}
		if lacks := v.lacks(); v.Weight > 0 && lacks != "" {
			s.say("%s %s and no other version can take its %s", v.label, lacks, percent(v.Weight))
		}
	}
	s.say("the traffic is on %s", s.shares())
	return s.result(phase)
}

// want reads the shares of the spec.
func (s *step) want(shares map[string]v1alpha1.Percent) error {
	var sum int32
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		w, err := shares[name].Weight()
		if err != nil {
			return fmt.Errorf("spec.traffic[%s]: %w", name, err)
		}
		v := s.named(name)
		if v == nil {
			return fmt.Errorf("spec.traffic names %q, which is not in spec.versions", name)
		}
		if w < 0 || w > v1alpha1.WeightTotal {
			return fmt.Errorf("spec.traffic[%s] is not between 0 and 100", name)
		}
		v.want = w
		sum += w
	}
	if sum != v1alpha1.WeightTotal {
		return fmt.Errorf("spec.traffic sums to %s instead of 100%%", percent(sum))
	}
	return nil
}

// split gives every version its weight: what it wants or, where some cannot have that, as traffic
// says.
func (s *step) split() {
	avoid := s.avoided()
	granted := make([]int64, len(s.versions)) // what is asked for and can be had
	excess := make([]int64, len(s.versions))  // what is held beyond that
	var missing, held int32 = v1alpha1.WeightTotal, 0
	for i, v := range s.versions {
		open := v.admitted || v.Weight > 0 && !avoid(v)
		if open && v.Weight > v.want {
			excess[i] = int64(v.Weight - v.want)
			held += v.Weight - v.want
		}
		if open {
			granted[i] = int64(v.want)
			missing -= v.want
		}
	}
	nobody := missing == v1alpha1.WeightTotal
	if nobody && held == 0 {
		return // all are empty: weights stay
	}
	stays := min(missing, held)
	if nobody {
		stays = missing
	}
	kept, spread := apportion(stays, excess), apportion(missing-stays, granted)
	for i, v := range s.versions {
		v.Weight = int32(granted[i]) + kept[i] + spread[i]
	}
}

// askGates asks for the versions that shall have traffic and have none whether they may.
func (s *step) askGates() {
	one := intstr.FromInt32(1)
	for _, v := range s.versions {
		v.Waiting, v.ReadySince = false, s.clearUnlessWaiting(v)
		if v.Weight > 0 || v.want == 0 {
			continue
		}
		if g := s.gate(v, &one, DefaultDeadline); g.open {
			s.admit(v, g)
		} else {
			s.await(v, g)
		}
	}
}

// awaitEmptied notes that a version which just lost its weight, or never got it at a first
// deployment, has to pass the gate before it gets any.
func (s *step) awaitEmptied(v *version) {
	if !v.Waiting {
		one := intstr.FromInt32(1)
		v.Waiting, v.why = true, s.gate(v, &one, DefaultDeadline).why
	}
}

// clearUnlessWaiting is the ReadySince that a version starts this call with.
func (s *step) clearUnlessWaiting(v *version) time.Time {
	if v.was && v.Weight == 0 && v.want > 0 {
		return v.ReadySince
	}
	return time.Time{}
}
