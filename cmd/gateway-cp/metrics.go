package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/xds"
)

// metrics are what /metrics says of the control plane. Most are read when they are asked for.
// Those about Envoys are by fleet: an Envoy by itself shows only while it refuses something.
type metrics struct {
	c *controlPlane
	// answered is how long changes took from the control plane to the Envoys and back.
	answered *prometheus.HistogramVec

	problems, held, revision, envoys, refused, pending, behind, refusing, unsupported, requests, weight, phase *prometheus.Desc
}

func newMetrics(c *controlPlane) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gateway_cp_"+name, help, labels, nil)
	}
	return &metrics{
		c: c,
		answered: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "gateway_cp_change_ack_seconds",
			Help:    "Time from a change until an Envoy that it concerns has acknowledged everything that follows from it, once for each such Envoy.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"fleet"}),
		problems:    desc("problems", "Problems that stand, by severity and reason.", "severity", "reason"),
		held:        desc("source_held", "1 while the source has lost so much that its deletions wait for a confirmation."),
		revision:    desc("revision_info", "1 for the revision that is served now; edits says whether there are uncommitted edits on top of it, partly whether something of it is not in effect.", "revision", "edits", "partly"),
		envoys:      desc("envoys", "Envoys by fleet, whether they are connected, and whether they have everything.", "fleet", "connected", "in_sync"),
		refused:     desc("refused_resources", "Resources, or parts of them, that Envoys refuse, over the Envoys of a fleet.", "fleet", "type"),
		pending:     desc("pending_resources", "Resources that Envoys have not acknowledged yet, over the Envoys of a fleet.", "fleet", "type"),
		behind:      desc("oldest_unacknowledged_change_seconds", "Age of the oldest change that a connected Envoy of the fleet has not acknowledged; 0 when there is none.", "fleet"),
		refusing:    desc("envoy_refusing", "How many resources an Envoy refuses; only Envoys that refuse something are listed.", "fleet", "envoy"),
		unsupported: desc("unsupported_envoys", "Connected Envoys of a version that gateway-cp is not tested with.", "fleet"),
		weight:      desc("rollout_weight", "Share of a version of a Rollout, from 0 to 1.", "namespace", "rollout", "version"),
		phase:       desc("rollout_phase", "1 for the phase that a Rollout is in.", "namespace", "rollout", "phase"),
		requests:    desc("upstream_requests_total", "Requests to the endpoints of a cluster as Envoys report them, by result: success (below 500), error, or dropped by a circuit breaker.", "fleet", "cluster", "result"),
	}
}

// Describe is for Prometheus.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	m.answered.Describe(out)
	for _, d := range []*prometheus.Desc{m.problems, m.held, m.revision, m.envoys, m.refused, m.pending, m.behind, m.refusing, m.unsupported, m.requests, m.weight, m.phase} {
		out <- d
	}
}

// Collect is for Prometheus.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	m.answered.Collect(out)
	status := m.c.summary()
	held := 0.0
	if status.Held != nil {
		held = 1
	}
	gauge(m.held, held)
	if status.Revision != "" {
		hash, edits := strings.CutSuffix(status.Revision, source.EditsSuffix)
		gauge(m.revision, 1, hash, strconv.FormatBool(edits), strconv.FormatBool(status.Partly))
	}
	problems := map[[2]string]float64{}
	for _, p := range status.Problems {
		problems[[2]string{string(p.Severity), string(p.Reason)}]++
	}
	for k, n := range problems {
		gauge(m.problems, n, k[0], k[1])
	}
	m.collectFleet(status.Envoys, gauge)
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

// unknownFleet is the label of Envoys whose fleet does not exist: anybody may say any name.
const unknownFleet = "unknown"

// collectFleet adds up what there is to say of Envoys by fleet.
func (m *metrics) collectFleet(all []admin.EnvoyStatus, gauge func(d *prometheus.Desc, value float64, labels ...string)) {
	envoys := map[[3]string]float64{}
	refused, pending := map[[2]string]float64{}, map[[2]string]float64{}
	behind, unsupported := map[string]float64{}, map[string]float64{}
	for _, e := range all {
		fleet := e.Fleet
		if e.UnknownFleet {
			fleet = unknownFleet
		}
		envoys[[3]string{fleet, strconv.FormatBool(e.Connected), strconv.FormatBool(e.InSync)}]++
		if !e.Connected {
			continue
		}
		for _, t := range e.Types {
			refused[[2]string{fleet, t.Type}] += float64(t.Refused)
			pending[[2]string{fleet, t.Type}] += float64(t.Pending)
		}
		behind[fleet] += 0
		unsupported[fleet] += 0
		if e.VersionWarning != "" {
			unsupported[fleet]++
		}
		if !e.BehindSince.IsZero() {
			behind[fleet] = max(behind[fleet], time.Since(e.BehindSince).Seconds())
		}
	}
	for k, n := range envoys {
		gauge(m.envoys, n, k[0], k[1], k[2])
	}
	for k, n := range refused {
		gauge(m.refused, n, k[0], k[1])
	}
	for k, n := range pending {
		gauge(m.pending, n, k[0], k[1])
	}
	for fleet, age := range behind {
		gauge(m.behind, age, fleet)
	}
	for fleet, n := range unsupported {
		gauge(m.unsupported, n, fleet)
	}
	listed := map[string]bool{}
	for _, e := range all {
		if e.Connected && len(e.Refused) > 0 && !listed[e.ID] {
			listed[e.ID] = true
			fleet := e.Fleet
			if e.UnknownFleet {
				fleet = unknownFleet
			}
			gauge(m.refusing, float64(len(e.Refused)), fleet, e.ID)
		}
	}
}

// shares adds up versions of the same name: one whose selector has changed is kept beside the new.
func shares(r admin.RolloutStatus) map[string]float64 {
	sum := map[string]float64{}
	for _, v := range r.Versions {
		sum[v.Name] += v.Percent / 100
	}
	return sum
}
