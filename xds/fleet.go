package xds

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/gateway-cp/gateway-cp/api/objectkey"
	"github.com/gateway-cp/gateway-cp/resource"
)

// EnvoyStatus is what is known of one Envoy.
type EnvoyStatus struct {
	Node
	Peer     string // the address that it connects from
	Protocol string // delta or sotw; with the type, if the stream is about one alone: delta cluster
	// Certificate is what it proves with who it is.
	Certificate Certificate
	Connected   bool
	Since       time.Time // when it connected, or disconnected
	// Twin: another Envoy with the same id is connected.
	Twin bool
	// Applied is the number of the newest change set that it has in full, of Current ones.
	Applied, Current uint64
	// Last is the last change that concerned it and that it has answered.
	Last LastChange
	// Behind is when the oldest change came that it has not answered; zero: there is none.
	Behind    time.Time
	Sent      uint64 // responses since it connected
	Resources uint64 // resources in them
	Types     map[resource.Type]TypeStatus
	Refused   []Refusal
	// Waiting is what parts of its configuration wait for, such as a cluster to be warm, and
	// Pending what it has not acknowledged yet; of each, maxListed at most.
	Waiting []Waiting
	Pending []Pending
}

// maxListed bounds the lists in an EnvoyStatus; the counts are in Types.
const maxListed = 100

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
	Sources []objectkey.Key
	// Clusters are those that it has traffic sent to.
	Clusters []resource.ClusterRef
	Since    time.Time
}

// Fleet returns the status of every Envoy that is connected or was a short while ago, ordered
// by node id and the time when it connected.
func (s *Server) Fleet() []EnvoyStatus { return s.fleet(true) }

// Summary is Fleet without what takes time to find out: the counts of resources that an Envoy
// has, and the lists Waiting and Pending.
func (s *Server) Summary() []EnvoyStatus { return s.fleet(false) }

func (s *Server) fleet(details bool) []EnvoyStatus {
	current := s.store.current()
	now := s.now()
	conns := s.known(now)
	twins := s.twins(now)
	all := make([]EnvoyStatus, 0, len(conns))
	for _, c := range conns {
		status := c.status(details)
		status.Current = current
		status.Twin = status.Connected && twins[status.ID]
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b EnvoyStatus) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.Since.Compare(b.Since), cmp.Compare(a.Peer, b.Peer))
	})
	return all
}

func (c *conn) status(details bool) EnvoyStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.session
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	status := EnvoyStatus{
		Node:        s.node,
		Peer:        c.peer,
		Protocol:    "delta",
		Certificate: certificateOf(c.stream.Context()),
		Connected:   c.ended.IsZero(),
		Since:       c.since,
		Applied:     s.appliedNow(),
		Last:        s.progress.last,
		Behind:      s.behind(),
		Sent:        c.counts.sent,
		Resources:   c.counts.resources,
		Types:       map[resource.Type]TypeStatus{},
		Refused:     s.refusalList(),
	}
	if _, ok := c.protocol.(sotw); ok {
		status.Protocol = "sotw"
	}
	if c.only != nil {
		status.Protocol += " " + c.only.String()
	}
	if !status.Connected {
		status.Since = c.ended
	}
	for t, sub := range s.subs {
		if sub != nil && sub.asked {
			status.Types[resource.Type(t)] = sub.count(details)
		}
	}
	for _, r := range status.Refused {
		n := status.Types[r.Type]
		n.Refused++
		status.Types[r.Type] = n
	}
	if details && status.Connected {
		status.Waiting = s.waitingList()
		status.Pending = s.pendingList()
	}
	return status
}

// count gives the counts of one type; without held, only Pending.
func (s *subscription) count(held bool) TypeStatus {
	n := TypeStatus{Pending: s.dirty.n}
	for _, r := range s.inflight {
		n.Pending += len(r.items) + len(r.removed)
	}
	if !held {
		return n
	}
	n.Held, n.Acked = s.sent.n, s.acked.n
	for _, h := range s.others.m {
		if h.sent != nil || h.unknown != "" {
			n.Held++
		}
		if !h.removing && h.sent == h.acked && (h.acked != nil || h.unknown != "") {
			n.Acked++
		}
	}
	return n
}

// refusalList gives what the Envoy refuses, sorted.
func (s *session) refusalList() []Refusal {
	var list []Refusal
	for a, r := range s.refused {
		part := a.part
		if part == together {
			part = ""
		}
		list = append(list, Refusal{a.kind, a.name, part, r.message, r.output.Sources, r.output.Clusters, r.since})
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

// Nodes returns who every connected Envoy says it is, ordered by node id, without clients that are
// none.
func (s *Server) Nodes() []Node {
	var nodes []Node
	for _, c := range s.connected() {
		if !c.session.node.Proxyless() {
			nodes = append(nodes, c.session.node)
		}
	}
	return nodes
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
