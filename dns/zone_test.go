package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// load reads manifests as gateway-cp does.
func load(t testing.TB, manifests string) []*api.Object {
	t.Helper()
	loaded, err := files.Load(files.LoadOptions{Stdin: strings.NewReader(manifests)}, "-")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range loaded.Problems {
		if p.Severity == api.Error {
			t.Fatal(p)
		}
	}
	return loaded.Objects
}

// zoneOf makes the zone of the fleet "default".
func zoneOf(t testing.TB, manifests string) *Zone {
	t.Helper()
	z := NewZone(ZoneOptions{Fleet: "default"})
	z.Apply(load(t, manifests), nil)
	return z
}

// ask gives the answer to "NAME TYPE" on one line: the code, the records, and what is at its end.
// Addresses are sorted: which comes first is chance.
func ask(t testing.TB, z *Zone, query string) string {
	t.Helper()
	owner, qtype, _ := strings.Cut(query, " ")
	q := &dns.Msg{}
	q.SetQuestion(dns.Fqdn(owner), dns.StringToType[qtype])
	m, _ := NewServer(z, Options{Limits: DefaultLimits()}).reply(q, "tcp")
	return text(m)
}

func text(m *dns.Msg) string {
	short := func(all []dns.RR) (out []string) {
		for _, r := range all {
			if r.Header().Rrtype == dns.TypeSOA || r.Header().Rrtype == dns.TypeOPT {
				continue
			}
			fields := strings.Fields(r.String())
			out = append(out, strings.Join(fields[3:], " "))
		}
		slices.Sort(out)
		return out
	}
	out := short(m.Answer)
	for _, r := range short(m.Extra) {
		out = append(out, "+"+r)
	}
	for _, r := range m.Ns {
		if r.Header().Rrtype == dns.TypeSOA {
			out = append(out, "SOA")
		}
	}
	return strings.TrimSpace(fmt.Sprint(dns.RcodeToString[m.Rcode], " ", strings.Join(out, ", ")))
}

const cluster = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, "fd00::10"]
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: shop}
spec: {clusterIP: 10.96.0.11, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: unallocated, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {type: ExternalName, externalName: db.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: web.shop.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: circle, namespace: shop}
spec: {type: ExternalName, externalName: circle.shop.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: sql, port: 5432, targetPort: 15432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: data, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: sql, port: 15432}]
endpoints:
- {addresses: [10.0.0.1], hostname: db-0}
- {addresses: [10.0.0.2], hostname: db-1}
- {addresses: [10.0.0.3]}
- {addresses: [10.0.0.4], hostname: db-4, conditions: {ready: false}}
- {addresses: [10.0.0.5], hostname: db-5, conditions: {ready: false, serving: true, terminating: true}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-6, namespace: data, labels: {kubernetes.io/service-name: db}}
addressType: IPv6
ports: [{name: sql, port: 15432}]
endpoints: [{addresses: ["fd00::1"], hostname: db-0}]
---
apiVersion: v1
kind: Service
metadata: {name: gossip, namespace: data}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: gossip}, ports: [{name: sql, port: 1, targetPort: peer}]}
---
apiVersion: v1
kind: Pod
metadata: {name: gossip-0, namespace: data, labels: {app: gossip}}
spec:
  hostname: gossip-0
  subdomain: gossip
  containers: [{name: c, image: c, ports: [{name: peer, containerPort: 7000}]}]
status: {phase: Pending, podIP: 10.0.1.1}
---
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: data}
spec: {clusterIP: None, selector: {app: nothing}, ports: [{name: sql, port: 1}]}
---
apiVersion: v1
kind: Service
metadata: {name: procs, namespace: data}
spec: {clusterIP: None, selector: {app: procs}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: procs-a, namespace: data, labels: {app: procs}}
spec: {addresses: [10.0.2.1, 10.0.2.2], ports: [{name: http, port: 8080}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: procs-b, namespace: data, labels: {app: procs}}
spec: {addresses: [10.0.2.3], ports: [{name: http, port: 8080}], draining: true}
---
apiVersion: v1
kind: Namespace
metadata: {name: bare}
`

// What the specification asks for, name by name.
func TestAnswers(t *testing.T) {
	z := zoneOf(t, cluster)
	for query, want := range map[string]string{
		// A Service with cluster IPs.
		"web.shop.svc.cluster.local A":                "NOERROR A 10.96.0.10",
		"web.shop.svc.cluster.local AAAA":             "NOERROR AAAA fd00::10",
		"WEB.Shop.svc.Cluster.LOCAL A":                "NOERROR A 10.96.0.10",
		"plain.shop.svc.cluster.local AAAA":           "NOERROR SOA",
		"web.shop.svc.cluster.local MX":               "NOERROR SOA",
		"web.shop.svc.cluster.local ANY":              `NOERROR HINFO "RFC8482" ""`,
		"_http._tcp.web.shop.svc.cluster.local SRV":   "NOERROR SRV 0 100 80 web.shop.svc.cluster.local., +A 10.96.0.10, +AAAA fd00::10",
		"_dns._udp.web.shop.svc.cluster.local SRV":    "NOERROR SRV 0 100 53 web.shop.svc.cluster.local., +A 10.96.0.10, +AAAA fd00::10",
		"_http._udp.web.shop.svc.cluster.local SRV":   "NXDOMAIN SOA",
		"_http._tcp.plain.shop.svc.cluster.local SRV": "NXDOMAIN SOA",
		"_http._tcp.web.shop.svc.cluster.local A":     "NOERROR SOA",
		"_tcp.web.shop.svc.cluster.local SRV":         "NOERROR SOA",
		"_sctp.web.shop.svc.cluster.local SRV":        "NXDOMAIN SOA",
		"x.web.shop.svc.cluster.local A":              "NXDOMAIN SOA",
		// One that has no address yet is there all the same.
		"unallocated.shop.svc.cluster.local A":              "NOERROR SOA",
		"_http._tcp.unallocated.shop.svc.cluster.local SRV": "NOERROR SRV 0 100 80 unallocated.shop.svc.cluster.local.",
		// A headless Service: ready endpoints only, unless the others are published.
		"db.data.svc.cluster.local A":          "NOERROR A 10.0.0.1, A 10.0.0.2, A 10.0.0.3",
		"db.data.svc.cluster.local AAAA":       "NOERROR AAAA fd00::1",
		"db-0.db.data.svc.cluster.local A":     "NOERROR A 10.0.0.1",
		"db-0.db.data.svc.cluster.local AAAA":  "NOERROR AAAA fd00::1",
		"db-1.db.data.svc.cluster.local AAAA":  "NOERROR SOA",
		"10-0-0-3.db.data.svc.cluster.local A": "NOERROR A 10.0.0.3",
		"db-4.db.data.svc.cluster.local A":     "NXDOMAIN SOA",
		"db-5.db.data.svc.cluster.local A":     "NXDOMAIN SOA",
		"_sql._tcp.db.data.svc.cluster.local SRV": "NOERROR SRV 0 33 15432 10-0-0-3.db.data.svc.cluster.local., SRV 0 33 15432 db-0.db.data.svc.cluster.local., " +
			"SRV 0 33 15432 db-1.db.data.svc.cluster.local., +A 10.0.0.1, +A 10.0.0.2, +A 10.0.0.3, +AAAA fd00::1",
		"empty.data.svc.cluster.local A":              "NXDOMAIN SOA",
		"gossip-0.gossip.data.svc.cluster.local A":    "NOERROR A 10.0.1.1",
		"_sql._tcp.gossip.data.svc.cluster.local SRV": "NOERROR SRV 0 100 7000 gossip-0.gossip.data.svc.cluster.local., +A 10.0.1.1",
		"procs.data.svc.cluster.local A":              "NOERROR A 10.0.2.1, A 10.0.2.2",
		"procs-a.procs.data.svc.cluster.local A":      "NOERROR A 10.0.2.1, A 10.0.2.2",
		"procs-b.procs.data.svc.cluster.local A":      "NXDOMAIN SOA",
		// ExternalName.
		"outside.shop.svc.cluster.local A":     "NOERROR CNAME db.example.com.",
		"outside.shop.svc.cluster.local CNAME": "NOERROR CNAME db.example.com.",
		"alias.shop.svc.cluster.local A":       "NOERROR A 10.96.0.10, CNAME web.shop.svc.cluster.local.",
		"alias.shop.svc.cluster.local TXT":     "NOERROR CNAME web.shop.svc.cluster.local., SOA",
		"circle.shop.svc.cluster.local A":      "SERVFAIL",
		// Names of addresses.
		"10.0.96.10.in-addr.arpa PTR": "NOERROR PTR web.shop.svc.cluster.local.",
		"1.0.0.10.in-addr.arpa PTR":   "NOERROR PTR db-0.db.data.svc.cluster.local.",
		"3.0.0.10.in-addr.arpa PTR":   "NOERROR PTR 10-0-0-3.db.data.svc.cluster.local.",
		"4.0.0.10.in-addr.arpa PTR":   "REFUSED",
		"0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR": "NOERROR PTR web.shop.svc.cluster.local.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR": "NOERROR PTR db-0.db.data.svc.cluster.local.",
		// What is there because of names below it, what is not, and what is somebody else's.
		"dns-version.cluster.local TXT":        `NOERROR TXT "1.1.0"`,
		"cluster.local SOA":                    "NOERROR",
		"cluster.local NS":                     "NOERROR NS ns.dns.cluster.local.",
		"cluster.local A":                      "NOERROR SOA",
		"svc.cluster.local A":                  "NOERROR SOA",
		"shop.svc.cluster.local A":             "NOERROR SOA",
		"bare.svc.cluster.local A":             "NOERROR SOA",
		"none.svc.cluster.local A":             "NXDOMAIN SOA",
		"sho.svc.cluster.local A":              "NXDOMAIN SOA",
		"web.shop.cluster.local A":             "NXDOMAIN SOA",
		"example.com.shop.svc.cluster.local A": "NXDOMAIN SOA",
		"web.data.svc.cluster.local A":         "NXDOMAIN SOA",
		`web\.shop.svc.cluster.local A`:        "NXDOMAIN SOA",
		"web.shop.svc.cluster.example A":       "REFUSED",
		"notcluster.local A":                   "REFUSED",
		". NS":                                 "REFUSED",
		// Deprecated, and asked for nevertheless.
		"10-1-2-3.shop.pod.cluster.local A":   "NOERROR A 10.1.2.3",
		"fd00--7.shop.pod.cluster.local AAAA": "NOERROR AAAA fd00::7",
		"10-1-2-3.none.pod.cluster.local A":   "NXDOMAIN SOA",
		"10-1-2-300.shop.pod.cluster.local A": "NXDOMAIN SOA",
	} {
		if got := ask(t, z, query); got != want {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
}

// A Service is only answered when the fleet selects it, under the fleet's domain.
func TestOnlyTheFleetsServices(t *testing.T) {
	const fleet = `
apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: edge}
spec: {clusterDomain: Edge.example, serviceSelector: {matchLabels: {edge: "yes"}}}
---
apiVersion: v1
kind: Service
metadata: {name: in, labels: {edge: "yes"}}
spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: "out"}
spec: {clusterIP: 10.96.0.2, ports: [{port: 80}]}
`
	objects := load(t, strings.ReplaceAll(fleet, "Edge", "edge"))
	z := NewZone(ZoneOptions{Fleet: "edge"})
	expect := func(want map[string]string) {
		t.Helper()
		for query, w := range want {
			if got := ask(t, z, query); got != w {
				t.Errorf("%s: got %s, want %s", query, got, w)
			}
		}
	}
	expect(map[string]string{"in.default.svc.cluster.local A": "SERVFAIL"}) // it does not know yet
	z.Apply(objects, nil)
	expect(map[string]string{
		"in.default.svc.edge.example A":  "NOERROR A 10.96.0.1",
		"out.default.svc.edge.example A": "NXDOMAIN SOA",
		"2.0.96.10.in-addr.arpa PTR":     "REFUSED",
		"in.default.svc.cluster.local A": "REFUSED",
	})
	z.Apply(nil, []api.Key{{Kind: api.KindFleet, Name: "edge"}})
	expect(map[string]string{"in.default.svc.cluster.local A": "NXDOMAIN SOA", "svc.cluster.local A": "NOERROR SOA"})
	z.Apply(objects, nil)
	expect(map[string]string{"in.default.svc.edge.example A": "NOERROR A 10.96.0.1"})
	z = NewZone(ZoneOptions{Fleet: "default", Domain: "corp.example"})
	z.Apply(objects, nil)
	expect(map[string]string{"out.default.svc.corp.example A": "NOERROR A 10.96.0.2"})
}

// Every address comes first about as often as each other one.
func TestAddressesRotate(t *testing.T) {
	z := zoneOf(t, cluster)
	first := map[string]int{}
	const rounds = 3000
	for range rounds {
		q := &dns.Msg{}
		q.SetQuestion("db.data.svc.cluster.local.", dns.TypeA)
		m, _ := NewServer(z, Options{Limits: DefaultLimits()}).reply(q, "udp")
		first[m.Answer[0].(*dns.A).A.String()]++
	}
	for a, n := range first {
		if n < rounds/4 || n > rounds*5/12 {
			t.Errorf("%s came first %d times of %d", a, n, rounds)
		}
	}
	if len(first) != 3 {
		t.Errorf("only %v came first", first)
	}
}
