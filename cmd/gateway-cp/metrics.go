package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/xds"
)

// metrics are what /metrics says of the control plane. They are read when they are asked for.
type metrics struct {
	c *controlPlane

	problems, held, envoys, refused, pending, requests, weight, phase *prometheus.Desc
}

func newMetrics(c *controlPlane) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gateway_cp_"+name, help, labels, nil)
	}
	return &metrics{
		c:        c,
		problems: desc("problems", "Problems that stand, by severity and reason.", "severity", "reason"),
		held:     desc("source_held", "1 while the source has lost so much that its deletions wait for a confirmation."),
		envoys:   desc("envoys", "Envoys by fleet, whether they are connected, and whether they have everything.", "fleet", "connected", "in_sync"),
		refused:  desc("refused_resources", "Resources, or parts of them, that an Envoy refuses.", "envoy", "type"),
		pending:  desc("pending_resources", "Resources that an Envoy has not acknowledged yet.", "envoy", "type"),
		weight:   desc("rollout_weight", "Share of a version of a Rollout, from 0 to 1.", "namespace", "rollout", "version"),
		phase:    desc("rollout_phase", "1 for the phase that a Rollout is in.", "namespace", "rollout", "phase"),
		requests: desc("upstream_requests_total", "Requests to the endpoints of a cluster as Envoys report them, by result: success (below 500), error, or dropped by a circuit breaker.", "fleet", "cluster", "result"),
	}
}

// Describe is for Prometheus.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.problems, m.held, m.envoys, m.refused, m.pending, m.requests, m.weight, m.phase} {
		out <- d
	}
}

// Collect is for Prometheus.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	status := m.c.Status()
	held := 0.0
	if status.Held != nil {
		held = 1
	}
	gauge(m.held, held)
	problems := map[[2]string]float64{}
	for _, p := range status.Problems {
		problems[[2]string{string(p.Severity), string(p.Reason)}]++
	}
	for k, n := range problems {
		gauge(m.problems, n, k[0], k[1])
	}
	envoys := map[[3]string]float64{}
	for _, e := range status.Envoys {
		envoys[[3]string{e.Fleet, strconv.FormatBool(e.Connected), strconv.FormatBool(e.InSync)}]++
		for _, t := range e.Types {
			gauge(m.refused, float64(t.Refused), e.ID, t.Type)
			gauge(m.pending, float64(t.Pending), e.ID, t.Type)
		}
	}
	for k, n := range envoys {
		gauge(m.envoys, n, k[0], k[1], k[2])
	}
	for _, r := range status.Rollouts {
		gauge(m.phase, 1, r.Namespace, r.Name, r.Phase)
		for name, share := range shares(r) {
			gauge(m.weight, share, r.Namespace, r.Name, name)
		}
	}
	m.c.xds.EachLoad(func(fleet, cluster string, l xds.Load) {
		counter := func(n uint64, result string) {
			out <- prometheus.MustNewConstMetric(m.requests, prometheus.CounterValue, float64(n), fleet, cluster, result)
		}
		counter(l.Success, "success")
		counter(l.Error, "error")
		counter(l.Dropped, "dropped")
	})
}

// shares adds up versions of the same name: one whose selector has changed is kept beside the new.
func shares(r admin.RolloutStatus) map[string]float64 {
	sum := map[string]float64{}
	for _, v := range r.Versions {
		sum[v.Name] += v.Percent / 100
	}
	return sum
}
