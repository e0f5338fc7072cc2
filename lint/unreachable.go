package lint

import (
	"fmt"

	"github.com/gateway-cp/gateway-cp/api"
)

// shadowed collects what takes the requests of a match, over all virtual hosts that it is in.
type shadowed struct {
	hosts, taken int
	// The first virtual host where all its requests are taken, and by which place.
	host          *virtualHost
	place, winner int
	conflict      bool
}

// unreachable finds matches that get no request, since earlier ones in every virtual host take
// them all, and pairs of routes that ask for the very same requests.
func unreachable(c *checker) {
	matches := map[matchID]*shadowed{}
	var order []matchID
	hosts := c.routing()
	for i := range hosts {
		h := &hosts[i]
		for place := range h.Matches {
			id := idOf(&h.Matches[place])
			s := matches[id]
			if s == nil {
				s = &shadowed{}
				matches[id] = s
				order = append(order, id)
			}
			s.hosts++
			winner := h.by[place]
			if winner < 0 {
				continue
			}
			s.taken++
			conflict := h.conflict(winner, place)
			if s.host == nil || conflict && !s.conflict {
				s.host, s.place, s.winner, s.conflict = h, place, winner, conflict
			}
		}
	}
	for _, id := range order {
		switch s := matches[id]; {
		case s.conflict:
			c.routeConflict(id, s)
		case s.taken == s.hosts:
			c.routeUnreachable(id, s)
		}
	}
}

// conflict says whether two matches are of different routes that ask for the same requests of the
// same hostname: neither author can know of the other.
func (h *virtualHost) conflict(first, second int) bool {
	a, b := &h.Matches[first], &h.Matches[second]
	return a.Route != b.Route && a.Specificity == b.Specificity && h.patterns[first].equal(&h.patterns[second].pattern)
}

func (c *checker) routeConflict(id matchID, s *shadowed) {
	winner := idOf(&s.host.Matches[s.winner])
	all := "these requests"
	if s.taken == s.hosts {
		all = "any request"
	}
	c.add(api.Problem{
		Object: routeKey(id.route), Path: id.path(), Reason: api.ReasonRouteConflict, Severity: api.Warning,
		Message: fmt.Sprintf("asks for the same requests to %s as %s, which gets them: %s. This one does not get %s",
			s.host, winner, s.host.why(s.winner, s.place), all),
		Hint:  "change the hostname, path or match of one of the two, or remove it",
		Other: api.Other{Object: routeKey(winner.route), Path: winner.path()},
	})
}

func (c *checker) routeUnreachable(id matchID, s *shadowed) {
	winner := idOf(&s.host.Matches[s.winner])
	by := winner.String()
	if winner.route == id.route {
		by = winner.path()
	}
	where := s.host.String()
	if s.hosts > 1 {
		where += ", and likewise elsewhere"
	}
	c.add(api.Problem{
		Object: routeKey(id.route), Path: id.path(), Reason: api.ReasonRuleUnreachable, Severity: api.Warning,
		Message: fmt.Sprintf("no request gets here: %s goes before it (%s) and takes them all, at %s", by, s.host.why(s.winner, s.place), where),
		Hint:    "remove it, or ask for something that the other does not take",
		Other:   api.Other{Object: routeKey(winner.route), Path: winner.path()},
	})
}
