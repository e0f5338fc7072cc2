package test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// clusterService is a Service with a cluster IP.
func clusterService(name, address string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {clusterIP: %s, ports: [{name: http, port: 80}]}\n", name, address)
}

const (
	// dnsChange is how long a Service that comes or goes may take until it is answered right, from the
	// moment that its file is in place: each of a series, though the machine may be busy in one of three.
	dnsChange = 100 * time.Millisecond
	dnsSeries = 3
	// dnsStay are the Services that stay.
	dnsStay = 10_000
)

// Services come and go under load among 10,000. Each is answered right soon, and no query gets lost or is
// answered wrong, neither of those that stay nor of others.
func TestDNSFollowsServicesUnderLoad(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	var stay strings.Builder
	for i := range dnsStay {
		stay.WriteString(clusterService(fmt.Sprint("stay-", i), fmt.Sprintf("10.96.%d.%d", i/250, i%250+1)))
	}
	e.Write("stay.yaml", stay.String())
	address := e.Address(e.FreePort())
	c := e.Serve("--dns-address", address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked, lost atomic.Int64
	ended := make(chan struct{})
	for worker := range 4 {
		go func() {
			defer func() { ended <- struct{}{} }()
			client := dns.Client{Timeout: 5 * time.Second}
			for n := worker; ctx.Err() == nil; n++ {
				i := n * 7 % dnsStay
				m, _, err := client.Exchange(new(dns.Msg).SetQuestion(fmt.Sprintf("stay-%d.default.svc.cluster.local.", i), dns.TypeA), address)
				asked.Add(1)
				if want := fmt.Sprintf("10.96.%d.%d", i/250, i%250+1); err != nil || addresses(m) != want {
					lost.Add(1)
					t.Errorf("stay-%d: %v %v", i, m, err)
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
	}
	var took []time.Duration
	await := func(name, want string) {
		began := time.Now()
		e.Await(name+" is "+want, 10*time.Second, func() error {
			m, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion(name+".default.svc.cluster.local.", dns.TypeA), address)
			if err == nil && addresses(m) != want {
				err = fmt.Errorf("%v", m)
			}
			return err
		})
		took = append(took, time.Since(began))
	}
	slowest := time.Duration(0)
	for series := range dnsSeries {
		took = nil
		for i := range 10 {
			name, ip := fmt.Sprintf("new-%d-%d", series, i), fmt.Sprintf("10.197.0.%d", i+1)
			e.Write("new.yaml", clusterService(name, ip))
			await(name, ip)
			e.Write("new.yaml", clusterService(name, "10.198.0.1"))
			await(name, "10.198.0.1")
			e.Remove("new.yaml")
			await(name, "NXDOMAIN")
		}
		slices.Sort(took)
		slowest = took[len(took)-1]
		t.Logf("series %d: %d changes are answered after %s (median), %s (slowest)", series+1, len(took), took[len(took)/2], slowest)
		if slowest <= dnsChange {
			break
		}
	}
	cancel()
	for range 4 {
		<-ended
	}
	t.Logf("%d queries beside, %d lost", asked.Load(), lost.Load())
	if slowest > dnsChange {
		t.Errorf("in each of %d series a change took longer than %s", dnsSeries, dnsChange)
	}
	if !strings.Contains(c.Metrics(), `service_dns_resolution_duration_count{source="services"}`) {
		t.Error("/metrics does not have service_dns_resolution_duration")
	}
}

// addresses gives those of an answer, or its code where there are none.
func addresses(m *dns.Msg) string {
	var all []string
	for _, r := range m.Answer {
		if a, ok := r.(*dns.A); ok {
			all = append(all, a.A.String())
		}
	}
	if len(all) == 0 {
		return dns.RcodeToString[m.Rcode]
	}
	return strings.Join(all, " ")
}

const dnsClients = `
apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec: {clusterIPRanges: [10.50.0.0/24]}
---
apiVersion: v1
kind: Service
metadata: {name: allocated, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: sql, port: 5432}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: db-0, namespace: shop, labels: {app: db}}
spec: {addresses: [10.0.0.1, "fd00::1"]}
---
apiVersion: v1
kind: Service
metadata: {name: set, namespace: shop}
spec: {clusterIP: None, selector: {app: set}, ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: set-x, namespace: shop, labels: {kubernetes.io/service-name: set}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.0.1.1], hostname: set-0}, {addresses: [10.0.1.2], hostname: set-1, conditions: {ready: false}}]
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {type: ExternalName, externalName: web.shop.svc.cluster.local}
`

// Go's own resolver gets what it asks for, of every kind that it has.
func TestDNSForGo(t *testing.T) {
	e := harness.New(t)
	e.Write("services.yaml", dnsClients)
	address := e.Address(e.FreePort())
	e.Serve("--dns-address", address)
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	ctx := t.Context()
	expect := func(what string, got any, err error, want string) {
		t.Helper()
		if text := fmt.Sprint(got); err != nil || text != want {
			t.Errorf("%s: %s, %v; want %s", what, text, err, want)
		}
	}
	hosts, err := r.LookupHost(ctx, "web.shop.svc.cluster.local.")
	expect("a Service", hosts, err, "[10.96.0.10]")
	hosts, err = r.LookupHost(ctx, "allocated.shop.svc.cluster.local.")
	if err != nil || len(hosts) != 1 || !strings.HasPrefix(hosts[0], "10.50.0.") {
		t.Errorf("a Service without an address of its own: %v, %v", hosts, err)
	}
	hosts, err = r.LookupHost(ctx, "db.shop.svc.cluster.local.")
	slices.Sort(hosts)
	expect("a headless Service", hosts, err, "[10.0.0.1 fd00::1]")
	hosts, err = r.LookupHost(ctx, "set-0.set.shop.svc.cluster.local.")
	expect("an endpoint of a slice", hosts, err, "[10.0.1.1]")
	hosts, err = r.LookupHost(ctx, "outside.shop.svc.cluster.local.")
	expect("an ExternalName", hosts, err, "[10.96.0.10]")
	alias, err := r.LookupCNAME(ctx, "outside.shop.svc.cluster.local.")
	expect("an alias", alias, err, "web.shop.svc.cluster.local.")
	_, srv, err := r.LookupSRV(ctx, "sql", "tcp", "db.shop.svc.cluster.local.")
	if err == nil && len(srv) == 1 {
		expect("a port", *srv[0], err, "{db-0.db.shop.svc.cluster.local. 5432 0 100}")
	} else {
		t.Errorf("a port: %v, %v", srv, err)
	}
	names, err := r.LookupAddr(ctx, "10.0.0.1")
	expect("an address", names, err, "[db-0.db.shop.svc.cluster.local.]")
	txt, err := r.LookupTXT(ctx, "dns-version.cluster.local.")
	expect("the version", txt, err, "[1.1.0]")
	if _, err = r.LookupHost(ctx, "none.shop.svc.cluster.local."); err == nil || !err.(*net.DNSError).IsNotFound {
		t.Errorf("a Service that is not there: %v", err)
	}
}

// The C library's resolver finds Services by every form of their names, with the search path that
// a kubelet writes. It only knows port 53 and /etc/resolv.conf: it gets its own of both.
func TestDNSForTheCLibrary(t *testing.T) {
	e := harness.New(t)
	e.Write("services.yaml", dnsClients)
	resolv := filepath.Join(e.Dir, "resolv.conf")
	const search = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1\nnameserver 127.0.0.1\n"
	if err := os.WriteFile(resolv, []byte(search), 0o600); err != nil {
		t.Fatal(err)
	}
	const script = `
set -eu
ip link set lo up
mount --bind "$RESOLV" /etc/resolv.conf
"$GATEWAY_CP" serve --dir "$MANIFESTS" --state-dir "$DIR/state" --admin-socket "$DIR/c.sock" --xds-address 127.0.0.1:0 --http-address "" --dns-address 127.0.0.1:53 2>"$DIR/c.log" &
trap 'kill $!; cat "$DIR/c.log" >&2' EXIT
for try in $(seq 300); do grep -q 'objects changed' "$DIR/c.log" && break; sleep 0.1; done
python3 -c '
import socket
def find(name, family=socket.AF_INET):
	try:
		return sorted(a[4][0] for a in socket.getaddrinfo(name, None, family, socket.SOCK_STREAM))
	except socket.gaierror as e:
		return e.errno == socket.EAI_NONAME
for name in "web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc.cluster.local.", "db-0.db", "outside", "none.shop.svc.cluster.local.":
	print(name, find(name))
print("db", find("db", socket.AF_INET6), find("db", socket.AF_UNSPEC))
print(socket.gethostbyaddr("10.96.0.10")[0])
'
`
	out := inNamespaces(t, script, "RESOLV="+resolv, "GATEWAY_CP="+e.Binary(), "MANIFESTS="+e.Manifests, "DIR="+e.Dir)
	const want = `web ['10.96.0.10']
web.shop ['10.96.0.10']
web.shop.svc ['10.96.0.10']
web.shop.svc.cluster.local ['10.96.0.10']
web.shop.svc.cluster.local. ['10.96.0.10']
db-0.db ['10.0.0.1']
outside ['10.96.0.10']
none.shop.svc.cluster.local. True
db ['fd00::1'] ['10.0.0.1', 'fd00::1']
web.shop.svc.cluster.local
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// A client of another make, with its own idea of what a message is, over UDP and TCP.
func TestDNSForPython(t *testing.T) {
	e := harness.New(t)
	e.Write("services.yaml", dnsClients)
	port := e.FreePort()
	e.Serve("--dns-address", e.Address(port))
	library, err := exec.Command("../.ci/dnspython").Output()
	if err != nil {
		t.Fatalf("fetch dnspython: %v", err)
	}
	const script = `
import sys, dns.edns, dns.flags, dns.message, dns.query, dns.reversename
where, port = sys.argv[1], int(sys.argv[2])
def ask(name, type, ask=dns.query.udp, **edns):
	m = ask(dns.message.make_query(name, type, **edns), where, port=port, timeout=5)
	flags = dns.flags.to_text(m.flags)
	print(name, type, dns.rcode.to_text(m.rcode()), flags, sorted(r.to_text() for s in m.answer for r in s), [s.rdtype.name for s in m.authority], m.payload)
for over in dns.query.udp, dns.query.tcp:
	ask("WEB.shop.svc.cluster.local.", "A", over)
	ask("web.shop.svc.cluster.local.", "AAAA", over, use_edns=0, payload=4096)
	ask("_sql._tcp.db.shop.svc.cluster.local.", "SRV", over)
	ask(str(dns.reversename.from_address("fd00::1")), "PTR", over)
	ask("none.shop.svc.cluster.local.", "A", over, use_edns=0, options=[dns.edns.GenericOption(10, bytes(8))])
	ask("example.com.", "A", over)
`
	cmd := exec.Command("python3", "-c", script, e.IP.String(), strconv.Itoa(port))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+strings.TrimSpace(string(library)))
	out, err := cmd.CombinedOutput()
	const one = `WEB.shop.svc.cluster.local. A NOERROR QR AA RD ['10.96.0.10'] [] 0
web.shop.svc.cluster.local. AAAA NOERROR QR AA RD [] ['SOA'] 1232
_sql._tcp.db.shop.svc.cluster.local. SRV NOERROR QR AA RD ['0 100 5432 db-0.db.shop.svc.cluster.local.'] [] 0
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. PTR NOERROR QR AA RD ['db-0.db.shop.svc.cluster.local.'] [] 0
none.shop.svc.cluster.local. A NXDOMAIN QR AA RD [] ['SOA'] 1232
example.com. A REFUSED QR RD [] [] 0
`
	if err != nil || string(out) != one+one {
		t.Errorf("%v: got\n%s\nwant\n%s, twice", err, out, one)
	}
}

// inNamespaces runs a script as root of network and mount namespaces of its own.
func inNamespaces(t *testing.T, script string, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{"--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v (this needs Linux, unshare and ip, and root or user namespaces)\n%s\n%s", err, out, stderr.String())
	}
	return string(out)
}
