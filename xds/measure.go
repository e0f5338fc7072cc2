package xds

import (
	"sync"

	dto "github.com/prometheus/client_model/go"
)

// unreachedCounter counts the requests to a cluster for which there was no healthy endpoint: they are in no
// load report. https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
const unreachedCounter = "upstream_cx_none_healthy"

// Measured is what was counted for a cluster from a change set on, by Envoys that had that change set in full all the
// while: its Load, and the requests that met no healthy endpoint.
type Measured struct {
	Load
	Unreached uint64
}

// measures are the counts that somebody has asked for with Measure.
type measures struct {
	mu    *sync.Mutex
	since map[string]uint64 // by cluster, the change set
	sum   map[string]*Measured
}

func newMeasures() measures { return measures{mu: &sync.Mutex{}, since: map[string]uint64{}} }

// Measure says for which clusters to count, and from which change set on. One whose change set stays the same is counted
// on, one that is not named no more.
func (s *Server) Measure(since map[string]uint64) {
	m := &s.measures
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := make(map[string]*Measured, len(since))
	for cluster, number := range since {
		if sum[cluster] = m.sum[cluster]; sum[cluster] == nil || m.since[cluster] != number {
			sum[cluster] = &Measured{}
		}
	}
	m.since, m.sum = since, sum
}

// Measured is what has been counted for a cluster; nothing, where nobody has asked for it.
func (s *Server) Measured(cluster string) Measured {
	m := &s.measures
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum := m.sum[cluster]; sum != nil {
		return *sum
	}
	return Measured{}
}

// add counts for a cluster where it is measured, and its Envoy had the change set when the counting began.
func (m *measures) add(cluster string, had uint64, count func(*Measured)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum := m.sum[cluster]; sum != nil && m.since[cluster] <= had {
		count(sum)
	}
}

// any says whether anything is measured.
func (m *measures) any() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sum) > 0
}

// hasInFull is the newest change set that the Envoy of a stream has in full; 0: it has none, or
// nobody wants to know.
func (s *Server) hasInFull(id, peer string) uint64 {
	if !s.measures.any() {
		return 0
	}
	var has uint64
	for _, c := range s.connsOf(id, peer) {
		if n := c.hasInFull(); has == 0 || n < has {
			has = n
		}
	}
	return has
}

func (c *conn) hasInFull() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.store.mu.RLock()
	defer c.session.store.mu.RUnlock()
	return c.session.appliedNow()
}

// unreached counts, over one stream of metrics, what a counter has grown by between two deliveries.
type unreached struct {
	had  uint64            // the newest change set that the Envoy had in full at the last delivery
	last map[string]uint64 // by cluster; nil before the first delivery
}

// take takes in a delivery. Of a stream's first one nothing is counted: it is where counting begins. Envoy
// sends a counter once it has counted anything, so one that comes later began at 0. Has is what the Envoy has now.
func (u *unreached) take(m *measures, families []*dto.MetricFamily, has uint64) {
	first := u.last == nil
	if first {
		u.last = map[string]uint64{}
	}
	for _, family := range families {
		eachOfCluster(family, unreachedCounter, func(cluster string, metric *dto.Metric) {
			n := uint64(metric.GetCounter().GetValue())
			grown := n - min(u.last[cluster], n)
			if u.last[cluster] = n; grown > 0 && !first {
				m.add(cluster, u.had, func(sum *Measured) { sum.Unreached += grown })
			}
		})
	}
	u.had = has
}
