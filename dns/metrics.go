package dns

import (
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

// origin is where an answer comes from.
type origin int

const (
	fromServices origin = iota // the names of the cluster
	fromCache                  // others, as an upstream said before
	fromUpstream
	fromNobody // refused, or wrong
)

var originNames = [...]string{"services", "cache", "upstream", "none"}

// metrics are what there is to say of a Server. The vectors are taken apart before: it is less work
// for each query.
type metrics struct {
	duration [len(originNames)]prometheus.Observer
	queries  map[string]prometheus.Counter // by type and protocol
	rcodes   *prometheus.CounterVec
	limited  prometheus.Counter
	all      []prometheus.Collector
}

var countedTypes = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeCNAME, dns.TypeTXT, dns.TypeNS, dns.TypeSOA}

func newMetrics(cached func() int) *metrics {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "service_dns_resolution_duration",
		Help:    "Seconds from a DNS query to its answer, by where that comes from: services (names of the cluster), cache, upstream, or none (refused, or not a query).",
		Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"source"})
	queries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gateway_cp_dns_queries_total", Help: "DNS queries, by type and protocol.",
	}, []string{"type", "protocol"})
	m := &metrics{
		queries: map[string]prometheus.Counter{},
		rcodes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_cp_dns_responses_total", Help: "DNS responses, by code.",
		}, []string{"rcode"}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gateway_cp_dns_limited_total", Help: "Queries answered SERVFAIL because --dns-max-forwards others were with the upstreams.",
		}),
	}
	entries := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gateway_cp_dns_cache_entries", Help: "Answers of upstreams that are kept.",
	}, func() float64 { return float64(cached()) })
	for i, name := range originNames {
		m.duration[i] = duration.WithLabelValues(name)
	}
	for _, protocol := range []string{"udp", "tcp"} {
		for _, t := range countedTypes {
			m.queries[protocol+dns.TypeToString[t]] = queries.WithLabelValues(dns.TypeToString[t], protocol)
		}
		m.queries[protocol] = queries.WithLabelValues("other", protocol)
	}
	m.all = []prometheus.Collector{duration, queries, m.rcodes, m.limited, entries}
	return m
}

// count notes a query and its answer.
func (m *metrics) count(q, reply *dns.Msg, protocol string, from origin, took time.Duration) {
	m.duration[from].Observe(took.Seconds())
	counter := m.queries[protocol]
	if len(q.Question) == 1 {
		if known, ok := m.queries[protocol+dns.TypeToString[q.Question[0].Qtype]]; ok {
			counter = known
		}
	}
	counter.Inc()
	m.rcodes.WithLabelValues(rcodeName(reply.Rcode)).Inc()
}

// rcodeName names a code. 16 has two names: signatures we have none.
func rcodeName(rcode int) string {
	name, known := dns.RcodeToString[rcode]
	switch {
	case rcode == dns.RcodeBadVers:
		return "BADVERS"
	case !known:
		return "other"
	}
	return name
}

// Describe is for Prometheus.
func (s *Server) Describe(out chan<- *prometheus.Desc) {
	for _, c := range s.metrics.all {
		c.Describe(out)
	}
}

// Collect is for Prometheus.
func (s *Server) Collect(out chan<- prometheus.Metric) {
	for _, c := range s.metrics.all {
		c.Collect(out)
	}
}
