package test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// The address of a client comes in with the PROXY protocol (v1 and v2; required, or for some clients) on
// listeners of Gateways, node ports and load balancers, or in X-Forwarded-For of trusted hops, and goes out to endpoints with the PROXY
// protocol, of health checks as well.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	db, web := newAddressed(e, "db", tellSource), newAddressed(e, "web", tellHeaders)
	port, secure, front := e.FreePort(), e.FreePort(), beside(e, 250)
	certificate := newCertificate(t, 1, "web.example.com")
	e.Write("fleet.yaml", strings.Replace(nodePortFleet(e, "30000-30009"), "\n  nodePorts", fmt.Sprintf("\n  loadBalancer: {addresses: [%q]}\n  nodePorts", front), 1))
	e.Write("secret.yaml", certificate.secret("web"))
	e.Write("gateway.yaml", strings.NewReplacer(
		"metadata: {name: gw}", `metadata: {name: gw, annotations: {gateway-cp.io/accept-proxy-protocol: required, gateway-cp.io/trusted-hops: "1"}}`,
		"listeners: [", fmt.Sprintf("listeners: [{name: https, port: %d, protocol: HTTPS, tls: {certificateRefs: [{name: web}]}}, ", secure),
	).Replace(harness.Gateway(port))+harness.Route("web", "web.example.com", 80))
	e.Write("services.yaml", db+web+`apiVersion: v1
kind: Service
metadata:
  name: db
  annotations: {gateway-cp.io/accept-proxy-protocol: optional, gateway-cp.io/send-proxy-protocol: v2}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, targetPort: tcp, nodePort: 30001}]}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: {gateway-cp.io/accept-proxy-protocol: required, gateway-cp.io/send-proxy-protocol: v1}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [192.0.2.0/24]
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: tcp, nodePort: 30002}]
`)
	e.Run()
	e.Await("who says nothing is who connects", 20*time.Second, sees(e.Address(30001), nil, "127.0.0.1"))
	for _, version := range []byte{1, 2} {
		for _, client := range []string{"192.0.2.1:1234", "[2001:db8::1]:1234"} {
			header := proxied(version, client)
			e.Await(fmt.Sprintf("who says by PROXY v%d to be %s is", version, client), 5*time.Second, sees(e.Address(30001), header, source(client)))
		}
	}
	friend, stranger := proxied(2, "192.0.2.7:1234"), proxied(1, "198.51.100.7:1234")
	forwarded := map[string]string{"X-Forwarded-For": "203.0.113.5"}
	lb := net.JoinHostPort(front.String(), "80")
	for what, ask := range map[string]struct {
		address string
		header  *proxyproto.Header
		secure  bool
		forward map[string]string
		want    headers
	}{
		"a node port":           {e.Address(30002), friend, false, nil, headers{"192.0.2.7", "192.0.2.7", "192.0.2.7"}},
		"no trusted hop":        {e.Address(30002), friend, false, forwarded, headers{"192.0.2.7", "203.0.113.5,192.0.2.7", "192.0.2.7"}},
		"a load balancer":       {lb, friend, false, nil, headers{"192.0.2.7", "192.0.2.7", "192.0.2.7"}},
		"a Gateway":             {e.Address(port), friend, false, nil, headers{"192.0.2.7", "192.0.2.7", ""}},
		"a trusted hop":         {e.Address(port), stranger, false, forwarded, headers{"198.51.100.7", "203.0.113.5,198.51.100.7", "203.0.113.5"}},
		"a trusted hop and TLS": {e.Address(secure), stranger, true, forwarded, headers{"198.51.100.7", "203.0.113.5,198.51.100.7", "203.0.113.5"}},
	} {
		e.Await(what, 10*time.Second, func() error {
			got, err := askThrough(ask.address, ask.header, ask.secure, ask.forward)
			if ask.want.client == "" {
				got.client = ""
			}
			if err == nil && got != ask.want {
				err = fmt.Errorf("the endpoint sees %+v, want %+v", got, ask.want)
			}
			return err
		})
	}
	for what, header := range map[string]*proxyproto.Header{"no header where one is required": nil, "a client that the load balancer does not take": stranger} {
		if got, err := askThrough(lb, header, false, nil); err == nil || isTimeout(err) {
			t.Errorf("%s: %+v, %v; want a closed connection", what, got, err)
		}
	}
	if got, err := askThrough(e.Address(port), nil, false, nil); err == nil || isTimeout(err) {
		t.Errorf("no header at the Gateway: %+v, %v; want a closed connection", got, err)
	}
}

// newAddressed is a server that takes connections with a PROXY header alone, those of health checks as well. It gives the manifest.
func newAddressed(e *harness.Env, name string, serve func(net.Listener)) (workload string) {
	e.Helper()
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = l.Close() })
	go serve(&proxyproto.Listener{Listener: l, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) { return proxyproto.REQUIRE, nil }})
	at := netip.MustParseAddrPort(l.Addr().String())
	probe := ""
	if name == "web" {
		probe = "\n  readinessProbe: {httpGet: {path: /, port: tcp}, periodSeconds: 1}"
	}
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: %s, labels: {app: %[1]s}}
spec:
  addresses: [%q]
  ports: [{name: tcp, port: %d}]%s
---
`, name, at.Addr(), at.Port(), probe)
}

// headers is what an endpoint sees of a client: the peer, as the PROXY header has it, and what Envoy has written.
type headers struct{ peer, forwarded, client string }

func tellHeaders(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s\n", source(r.RemoteAddr), r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Envoy-External-Address"))
	}))
}

// proxied is the header of a proxy that has the connection of a client.
func proxied(version byte, client string) *proxyproto.Header {
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 250), Port: 80}
	if from.IP.To4() == nil {
		to.IP = net.ParseIP("2001:db8::250")
	}
	return proxyproto.HeaderProxyFromAddrs(version, from, to)
}

// dialWith connects, and sends the header of a proxy first.
func dialWith(address string, header *proxyproto.Header) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil || header == nil {
		return c, err
	}
	if _, err := header.WriteTo(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// sees is a check: the endpoint behind an address sees a client there.
func sees(address string, header *proxyproto.Header, want string) func() error {
	return func() error {
		c, err := dialWith(address, header)
		if err != nil {
			return err
		}
		// Where the header is optional, Envoy waits for the first bytes to see whether they are one.
		_, _ = fmt.Fprintln(c, "hello")
		l, err := greeted(c)
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }()
		if l.from != want {
			return fmt.Errorf("the endpoint sees %s, want %s", l.from, want)
		}
		if back, err := l.reader.ReadString('\n'); back != "hello\n" {
			return fmt.Errorf("%q came back, %v", back, err)
		}
		return nil
	}
}

// askThrough sends one request, and gives what the endpoint says that it sees.
func askThrough(address string, header *proxyproto.Header, secure bool, more map[string]string) (seen headers, err error) {
	c, err := dialWith(address, header)
	if err != nil {
		return seen, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "web.example.com"}) // a test of TLS is elsewhere
	}
	req, err := http.NewRequest(http.MethodGet, "http://web.example.com/", nil)
	if err != nil {
		return seen, err
	}
	for name, value := range more {
		req.Header.Set(name, value)
	}
	if err := req.Write(c); err != nil {
		return seen, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil {
		return seen, err
	}
	defer func() { _ = resp.Body.Close() }()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if resp.StatusCode != http.StatusOK || err != nil {
		return seen, fmt.Errorf("%s: %q, %w", resp.Status, line, err)
	}
	fields := append(strings.Split(strings.TrimSuffix(line, "\n"), " "), "", "", "")
	return headers{fields[0], fields[1], fields[2]}, nil
}

// source is the address alone.
func source(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

// tellSource says to who connects which address that comes from, and then echoes lines.
func tellSource(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go speak(c, source(c.RemoteAddr().String()))
	}
}
