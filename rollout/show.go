package rollout

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// showEvents tells of requests that go to a version from now on whatever its weight, or are copied to it,
// and of those that do no more.
func (s *step) showEvents() {
	for _, v := range s.versions {
		if !reflect.DeepEqual(v.old.Match, v.Match) {
			if len(v.Match) > 0 {
				s.event(EventMatchChanged, false, "requests with %s go to %s", DescribeMatches(v.Match), v.label)
			} else {
				s.event(EventMatchChanged, false, "requests with %s go to %s no more, but where all others go", DescribeMatches(v.old.Match), v.label)
			}
		}
		if !reflect.DeepEqual(v.old.Mirror, v.Mirror) {
			if v.Mirror != nil {
				s.event(EventMirrorChanged, false, "%s copied to %s", describeMirror(v.Mirror), v.label)
			} else {
				s.event(EventMirrorChanged, false, "no requests are copied to %s any more", v.label)
			}
		}
	}
}

// sayShown completes the message.
func (s *step) sayShown() {
	for _, v := range s.versions {
		if len(v.Match) > 0 {
			s.say("requests with %s go to %s", DescribeMatches(v.Match), v.label)
		}
		if v.Mirror != nil {
			s.say("%s copied to %s", describeMirror(v.Mirror), v.label)
		}
	}
}

// DescribeMatches says, for people, what requests must have; empty: nothing.
func DescribeMatches(all []v1alpha1.RequestMatch) string {
	var either []string
	for _, m := range all {
		var each []string
		add := func(what string, values []v1alpha1.ValueMatch) {
			for _, v := range values {
				is := " "
				if v.Type == v1alpha1.MatchRegex {
					is = " like "
				}
				each = append(each, what+v.Name+is+v.Value)
			}
		}
		add("header ", m.Headers)
		add("cookie ", m.Cookies)
		if len(m.Hosts) > 0 {
			each = append(each, "host "+strings.Join(m.Hosts, " or "))
		}
		either = append(either, strings.Join(each, " and "))
	}
	return strings.Join(either, ", or ")
}

func describeMirror(m *v1alpha1.Mirror) string {
	methods := "GET, HEAD and OPTIONS"
	if len(m.Methods) > 0 {
		methods = strings.Join(m.Methods, ", ")
	}
	return fmt.Sprintf("%s of the %s requests are", percent(Mirrored(m)), methods)
}

// Mirrored is the share of requests that are copied, in units of 0.01 %. What is not a percentage is
// refused by admission, and is none.
func Mirrored(m *v1alpha1.Mirror) int32 {
	if m == nil {
		return 0
	}
	w, err := m.Percent.Weight()
	if err != nil {
		return 0
	}
	return w
}

// preview shows a version that is not the active one, once it has passed the gate and for as long as it
// serves. It gives the version while it is to be shown; nil: none is.
func (s *step) preview(bg v1alpha1.BlueGreen, active *version) *version {
	for _, v := range s.versions {
		v.Match, v.Mirror = nil, nil
	}
	if bg.Preview == nil || len(bg.Preview.Match) == 0 {
		return nil
	}
	p := s.named(bg.Preview.Version)
	if p == nil || p.Weight == v1alpha1.WeightTotal {
		return nil
	}
	if !p.old.shown() || p.empty() || p.failing {
		if p == active {
			return p // the traffic waits for the same
		}
		p.ReadySince = p.old.ReadySince
		g := s.gate(p, bg.MinHealthy, lasting(bg.Deadline, DefaultDeadline))
		if p.ReadySince = g.since; !g.open {
			p.why = g.why
			return p
		}
	}
	p.ReadySince = p.old.ReadySince
	p.Match = bg.Preview.Match
	return p
}
