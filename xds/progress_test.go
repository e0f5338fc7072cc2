package xds

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// measured are the times from change to answer that a server tells.
type measured struct {
	mu    sync.Mutex
	times []time.Duration
}

func (m *measured) add(fleet string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if fleet == "f" {
		m.times = append(m.times, took)
	}
}

func (m *measured) get() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.times)
}

func TestHowLongAChangeTook(t *testing.T) {
	f := newFixture(t)
	var m measured
	f.server.Answered = m.add
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"))
	c := f.starts("a")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
	if e := f.envoy(); !e.Last.At.IsZero() || len(m.get()) != 0 {
		t.Errorf("what it is given when it connects is no change: %+v, %v", e.Last, m.get())
	}

	// The route of a new cluster takes as long as the cluster takes to be warm.
	f.apply(cluster("b", ""), endpoints("b", ""), host("web", "p", "2", "b"))
	b := c.gets(resource.Cluster, "b")
	f.ahead.Add(int64(time.Minute))
	if e := f.envoy(); e.Behind.IsZero() || e.InSync() {
		t.Errorf("behind since %v, in sync %v", e.Behind, e.InSync())
	}
	c.asks(resource.Endpoint, "b")
	c.takes(resource.Endpoint, "b")
	r := c.gets(resource.Scope, "web")
	f.ahead.Add(int64(time.Minute))
	c.acks(b)
	c.acks(r)
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
	e := f.envoy()
	if e.Last.Took < 2*time.Minute || e.Last.Number != e.Current || !e.Behind.IsZero() || len(m.get()) != 1 {
		t.Errorf("%+v, behind since %v, measured %v", e.Last, e.Behind, m.get())
	}

	// A change of something that it does not have is none for it.
	other := scope("other")
	other.Key.Audience = resource.OfFleet("g")
	f.apply(other, endpoints("of nobody", ""))
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
	if n := f.envoy().Last.Number; n != e.Last.Number || len(m.get()) != 1 {
		t.Errorf("change %d, measured %v", n, m.get())
	}
}

// Changes that come faster than an Envoy answers are each measured: it is never at rest, and
// has each of them all the same.
func TestAnEnvoyThatIsNeverAtRestMakesProgress(t *testing.T) {
	f := newFixture(t)
	var m measured
	f.server.Answered = m.add
	f.apply(scope("web"), host("web", "p", "0"))
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(host("web", "p", "1"))
	for _, version := range []string{"2", "3", "4"} {
		r := c.gets(resource.Scope, "web")
		f.apply(host("web", "p", version))
		c.acks(r)
	}
	c.gets(resource.Scope, "web") // not answered
	f.eventually("all but the last are measured", func() bool { return len(m.get()) == 3 })
	if e := f.envoy(); e.Applied != e.Current-1 || e.Last.Number != e.Applied {
		t.Errorf("applied %d of %d, %+v", e.Applied, e.Current, e.Last)
	}
}

// What is refused does not hide how long other changes took.
func TestChangesAreMeasuredBesideWhatIsRefused(t *testing.T) {
	f := newFixture(t)
	var m measured
	f.server.Answered = m.add
	f.apply(scope("web"), host("web", "p", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(host("web", "p", "2"))
	c.refuses(c.gets(resource.Scope, "web"), "no")
	c.takes(resource.Scope, "web") // what it had
	f.eventually("refused", func() bool { return len(f.envoy().Refused) == 1 })
	applied := f.envoy().Applied
	f.apply(listener("http"))
	c.asks(resource.Listener)
	c.takes(resource.Listener, "http")
	f.apply(listener("more"))
	c.takes(resource.Listener, "more")
	f.eventually("the listener is measured", func() bool { return f.envoy().Last.Number == f.envoy().Current })
	if e := f.envoy(); e.Applied != applied || e.InSync() {
		t.Errorf("applied %d, want %d: something is refused", e.Applied, applied)
	}
}

func TestWhatWaitsForWhat(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"))
	c := f.starts("a")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	why := func() string {
		e := f.envoy()
		if len(e.Waiting) != 1 || e.Waiting[0].Count != 1 || e.Waiting[0].For[0] != (resource.Ref{Type: resource.Scope, Name: "web"}) {
			return ""
		}
		return e.Waiting[0].Why
	}
	f.apply(host("web", "p", "2", "b"))
	f.eventually("there is none", func() bool { return why() == "there is no such cluster for this Envoy" })
	f.apply(cluster("b", ""), endpoints("b", ""))
	f.eventually("not acknowledged", func() bool { return why() == "the Envoy has not acknowledged it and its endpoints" })
	f.eventually("pending", func() bool {
		p := f.envoy().Pending
		return len(p) == 1 && p[0].Ref == (resource.Ref{Type: resource.Cluster, Name: "b"}) && !p[0].Sent.IsZero()
	})
	c.refuses(c.gets(resource.Cluster, "b"), "no")
	f.eventually("refused", func() bool { return why() == "the Envoy refuses it" })
}
