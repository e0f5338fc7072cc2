package xds

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// EnvoyStatus is what is known of one Envoy.
type EnvoyStatus struct {
	Node
	Protocol  string // delta or sotw
	Connected bool
	Since     time.Time // when it connected, or disconnected
	// Applied is the number of the newest change set that it has in full, of Current ones.
	Applied, Current uint64
	Sent             uint64 // responses since it connected
	Resources        uint64 // resources in them
	Types            map[resource.Type]TypeStatus
	Refused          []Refusal
	// Waiting names what parts of its configuration wait for, such as a cluster to be warm.
	Waiting []string
}

// InSync says whether the Envoy has acknowledged everything that there is for it.
func (e EnvoyStatus) InSync() bool {
	return e.Connected && e.Applied == e.Current && len(e.Refused) == 0
}

// TypeStatus counts the resources of one type.
type TypeStatus struct{ Held, Acked, Pending, Refused int }

// Refusal is a content that an Envoy has refused.
type Refusal struct {
	Type    resource.Type
	Name    string
	Part    string // empty: the whole resource
	Message string
	Sources []api.Key
	Since   time.Time
}

// Fleet returns the status of every Envoy that is connected or was a short while ago, ordered
// by node id.
func (s *Server) Fleet() []EnvoyStatus {
	current := s.store.current()
	s.mu.Lock()
	conns := slices.Collect(maps.Values(s.last))
	s.mu.Unlock()
	all := make([]EnvoyStatus, 0, len(conns))
	for _, c := range conns {
		status := c.status()
		status.Current = current
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b EnvoyStatus) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (c *conn) status() EnvoyStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.session
	status := EnvoyStatus{
		Node:      s.node,
		Protocol:  "delta",
		Connected: c.ended.IsZero(),
		Since:     c.since,
		Applied:   s.applied,
		Sent:      c.counts.sent,
		Resources: c.counts.resources,
		Types:     map[resource.Type]TypeStatus{},
	}
	if _, ok := c.protocol.(sotw); ok {
		status.Protocol = "sotw"
	}
	if !status.Connected {
		status.Since = c.ended
	}
	for t, sub := range s.subs {
		if sub == nil || !sub.asked {
			continue
		}
		n := TypeStatus{Pending: len(sub.dirty)}
		for _, h := range sub.held {
			if h.sent != nil || h.unknown != "" {
				n.Held++
			}
			switch {
			case h.removing || h.sent != h.acked:
				n.Pending++
			case h.acked != nil || h.unknown != "":
				n.Acked++
			}
		}
		status.Types[resource.Type(t)] = n
	}
	status.Refused = s.refusalList()
	for _, r := range status.Refused {
		n := status.Types[r.Type]
		n.Refused++
		status.Types[r.Type] = n
	}
	for what := range s.waiting {
		status.Waiting = append(status.Waiting, what.Type.String()+" "+what.Name)
	}
	slices.Sort(status.Waiting)
	return status
}

// refusalList gives what the Envoy refuses, sorted.
func (s *session) refusalList() []Refusal {
	var list []Refusal
	for a, r := range s.refused {
		part := a.part
		if part == together {
			part = ""
		}
		list = append(list, Refusal{a.kind, a.name, part, r.message, r.sources, r.since})
	}
	slices.SortFunc(list, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Part, b.Part))
	})
	return list
}

// EachRefusal calls f with what every connected Envoy refuses, ordered by node id.
func (s *Server) EachRefusal(f func(envoy string, r Refusal)) {
	for _, c := range s.connected() {
		c.mu.Lock()
		list := c.session.refusalList()
		c.mu.Unlock()
		for _, r := range list {
			f(c.session.node.ID, r)
		}
	}
}

// Nodes returns who every connected Envoy says it is, ordered by node id.
func (s *Server) Nodes() []Node {
	var nodes []Node
	for _, c := range s.connected() {
		nodes = append(nodes, c.session.node)
	}
	return nodes
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
