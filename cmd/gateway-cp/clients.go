package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/findings"
	"github.com/gateway-cp/gateway-cp/xds"
)

// fleetNames are the fleets that there are; "default" needs no object.
type fleetNames map[string]struct{}

// set notes that there is a Fleet, or not.
func (f fleetNames) set(name string, there bool) {
	if there {
		f[name] = struct{}{}
	} else {
		delete(f, name)
	}
}

// list gives all names.
func (f fleetNames) list() []string {
	names := []string{v1alpha1.DefaultFleet}
	for n := range f {
		names = append(names, n)
	}
	return names
}

// refusedClients are those that the xDS server has refused a short while ago.
func refusedClients(x *xds.Server) []admin.RefusedClient {
	var all []admin.RefusedClient
	for _, r := range x.RefusedClients() {
		all = append(all, admin.RefusedClient{
			ID: r.ID, Fleet: r.Fleet, Address: r.Address, Certificate: r.Names,
			Reason: string(r.For), Message: r.Message, First: r.First, Last: r.Last, Times: r.Times,
		})
	}
	return all
}

// strangerProblems are of Envoys whose fleets do not exist.
func strangerProblems(refused []xds.RefusedClient, hasFleet func(string) bool) []api.Problem {
	var all []api.Problem
	for _, r := range refused {
		if r.For != xds.ForUnknownFleet || hasFleet(r.Fleet) {
			continue
		}
		all = append(all, api.Problem{
			Object:   api.Key{Kind: api.KindFleet, Name: r.Fleet},
			Reason:   api.ReasonFleetNotFound,
			Severity: api.Warning,
			Message:  "Envoy " + r.ID + " says that it is of this fleet, which does not exist: it is refused, and keeps what it has",
			Hint:     "create the Fleet, and the Envoy is let in; or correct the Envoy's node.cluster (bootstrap --fleet)",
		})
	}
	return all
}

// writeRefusedClients prints a line for every client that does not get in.
func writeRefusedClients(w io.Writer, refused []admin.RefusedClient) error {
	for _, r := range refused {
		who := "A client"
		if r.ID != "" {
			who = "Envoy " + findings.Printable(r.ID)
		}
		if r.Address != "" {
			who += " from " + r.Address
		}
		if r.ID == "" && len(r.Certificate) > 0 {
			who += " with a certificate for " + findings.Printable(strings.Join(r.Certificate, ", "))
		}
		times := "once"
		if r.Times > 1 {
			times = fmt.Sprintf("%d times", r.Times)
		}
		_, err := fmt.Fprintf(w, "%s is refused (%s, %s, last at %s): %s\n",
			who, r.Reason, times, r.Last.UTC().Format(time.RFC3339), findings.Printable(strings.TrimSpace(r.Message)))
		if err != nil {
			return err
		}
	}
	return nil
}

// clientMetrics are what /metrics says of the clients of the xDS server and of its limits.
type clientMetrics struct {
	xds     *xds.Server
	expires func() time.Time // of the server's certificate; zero without TLS

	clients, streams, handshakes, limit, refused, slowed, expired, certificate *prometheus.Desc
}

func newClientMetrics(x *xds.Server, expires func() time.Time) *clientMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gateway_cp_xds_"+name, help, labels, nil)
	}
	return &clientMetrics{
		xds: x, expires: expires,
		clients:     desc("clients", "Clients that are connected."),
		streams:     desc("streams", "Streams that clients have open."),
		handshakes:  desc("handshakes", "Connections that are at their handshakes."),
		limit:       desc("limit", "Limits on clients; 0 is none.", "limit"),
		refused:     desc("refused_total", "Clients, connections and streams that were refused, by reason.", "reason"),
		slowed:      desc("slowed_total", "Messages of clients that had to wait for the limit on their rate."),
		expired:     desc("expired_certificates", "Streams of Envoys whose certificate has expired since they connected."),
		certificate: desc("certificate_expiry_seconds", "When the certificate of the xDS server expires, in seconds since 1970."),
	}
}

// Describe is for Prometheus.
func (m *clientMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.clients, m.streams, m.handshakes, m.limit, m.refused, m.slowed, m.expired, m.certificate} {
		out <- d
	}
}

// Collect is for Prometheus.
func (m *clientMetrics) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	t := m.xds.Traffic()
	send(m.clients, prometheus.GaugeValue, float64(t.Clients))
	send(m.streams, prometheus.GaugeValue, float64(t.Streams))
	send(m.handshakes, prometheus.GaugeValue, float64(t.Handshakes))
	send(m.expired, prometheus.GaugeValue, float64(t.Expired))
	send(m.slowed, prometheus.CounterValue, float64(t.Slowed))
	for name, n := range map[string]int{
		"clients": t.Limits.Clients, "streams": t.Limits.StreamsPerClient, "request_bytes": t.Limits.RequestBytes,
		"request_rate": t.Limits.RequestRate, "subscriptions": t.Limits.Subscriptions, "handshakes": t.Limits.Handshakes,
	} {
		send(m.limit, prometheus.GaugeValue, float64(n), name)
	}
	for why, n := range t.Refused {
		send(m.refused, prometheus.CounterValue, float64(n), string(why))
	}
	if at := m.expires(); !at.IsZero() {
		send(m.certificate, prometheus.GaugeValue, float64(at.Unix()))
	}
}

// xdsOptions are those of the server for a configuration that has been checked.
func (c *serveConfig) xdsOptions() []xds.Option {
	options := []xds.Option{xds.WithLimits(c.Limits)}
	if name := c.Replica.Name; name != "" {
		options = append(options, xds.WithIdentifier("gateway-cp "+name))
	}
	if c.identity.Strict() {
		options = append(options, xds.WithIdentity(c.identity))
	}
	return options
}

// checkIdentity reads the identity rule.
func (c *serveConfig) checkIdentity() (err error) {
	if len(c.XDSIdentity) == 0 {
		return nil
	}
	if c.XDSCert == "" {
		return withHint(usagef("--xds-identity is given, but --xds-cert is not: without TLS there are no certificates to read identities from"),
			"give --xds-cert, --xds-key and --xds-client-ca as well")
	}
	if c.identity, err = xds.ParseIdentity(c.XDSIdentity); err != nil {
		return withHint(usagef("--xds-identity: %w", err),
			"write it like spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node} or {node}.{fleet}.envoys.example.com")
	}
	return nil
}

// noteBelief says what is believed, where that may not be what is meant.
func (c *serveConfig) noteBelief(ctx context.Context, log interface {
	WarnContext(context.Context, string, ...any)
}) {
	if c.XDSCert != "" && !c.identity.Strict() {
		log.WarnContext(ctx, "Envoys whose certificates do not carry "+xds.DefaultIdentity+" are believed which fleet and node they are: "+
			"say where certificates carry it with --xds-identity, and only those are let in")
	}
}
