package rollout

import "time"

// unhealthyAfter is how long all Envoys must find a version unhealthy before it counts: a
// process that restarts, or a check that fails once, moves no traffic.
const unhealthyAfter = 2 * time.Second

// health is what the Envoys say together of a version that has traffic.
type health uint8

const (
	unknown   health = iota // none says anything, or one has not reported yet
	healthy                 // requests are answered on one of them at least
	unhealthy               // on none of them
)

func (v *version) health() health {
	if !v.known {
		return unknown
	}
	if !v.seen.Checked || v.empty() {
		return healthy // nobody checks it; or what counts is that it is empty
	}
	said, unreported := false, false
	for _, e := range v.seen.Envoys {
		switch {
		case e.Unknown:
			unreported = true
		case !e.Warm: // it sends nothing there
		case e.Healthy > 0:
			return healthy
		case !e.Reported:
			unreported = true
		default:
			said = true
		}
	}
	if said && !unreported {
		return unhealthy
	}
	return unknown
}

// watchHealth finds out which of the versions with traffic are unhealthy, and have been for a
// while. What is unknown changes nothing, so that an Envoy or a control plane that restarts
// does not make a version look healed, and moves nothing.
func (s *step) watchHealth() {
	for _, v := range s.versions {
		is := v.health()
		if is == unhealthy && s.settling > 0 {
			is, v.recheck = unknown, s.now.Add(s.settling)
		}
		switch {
		case v.Weight == 0 && !v.shown(): // the gate watches over it
		case is == unhealthy:
			s.countUnhealthy(v)
			continue
		case is == healthy:
			v.Unhealthy = false
		}
		v.UnhealthySince = time.Time{}
	}
}

func (s *step) countUnhealthy(v *version) {
	if v.UnhealthySince.IsZero() || v.UnhealthySince.After(s.now) { // after: the clock went back
		v.UnhealthySince = s.now
	}
	if end := v.UnhealthySince.Add(unhealthyAfter); s.now.Before(end) {
		v.recheck = end
	} else if !v.Unhealthy {
		v.Unhealthy = true
		s.event(EventVersionUnhealthy, true, "no endpoint of %s is healthy on any Envoy", v.label)
	}
	v.failing = v.Unhealthy
}

// settleHealth comes when the weights stand: only versions with traffic are watched on, and the
// verdict on one without stays only where it is why the version has none.
func (s *step) settleHealth() {
	for _, v := range s.versions {
		switch {
		case v.Weight == 0 && !v.shown():
			v.UnhealthySince = time.Time{}
			v.Unhealthy = v.Unhealthy && v.want > 0
		case !v.recheck.IsZero():
			s.wakeAt(v.recheck)
		}
	}
}

// avoided says which versions with traffic are to lose it to the others: those that are empty or
// failing; when all are, only the empty ones, since moving traffic from one failing version to
// another would gain nothing.
func (s *step) avoided() func(*version) bool {
	for _, v := range s.versions {
		if v.admitted || v.Weight > 0 && !v.empty() && !v.failing {
			return func(v *version) bool { return v.empty() || v.failing }
		}
	}
	return (*version).empty
}

// lacks says, for people, why requests to a version with traffic fail; empty: they do not.
func (v *version) lacks() string {
	switch {
	case v.empty():
		return "has no ready endpoints"
	case v.Unhealthy:
		return "has no healthy endpoint on any Envoy"
	}
	return ""
}
