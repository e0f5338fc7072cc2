package test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gogrpc "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	rpcstatus "google.golang.org/grpc/status"
	rpcxds "google.golang.org/grpc/xds"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/certs"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// rpcServer is a gRPC server that counts the calls it has answered.
type rpcServer struct {
	healthpb.UnimplementedHealthServer
	*gogrpc.Server
	version, workload string
	calls             atomic.Int64
}

func (s *rpcServer) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	s.calls.Add(1)
	return &healthpb.HealthCheckResponse{}, nil
}

// newRPCServer starts a server that is a Workload of the Service shop/web.
func newRPCServer(e *harness.Env, version, zone string) *rpcServer {
	e.Helper()
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		e.Fatalf("%v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	s := &rpcServer{Server: gogrpc.NewServer(), version: version, workload: fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: web-%d, namespace: shop, labels: {app: web, version: %s}}
spec: {addresses: [%q], zone: %q, ports: [{name: grpc, port: %d}]}
---
`, port, version, e.IP, zone, port)}
	healthpb.RegisterHealthServer(s, s)
	go func() { _ = s.Serve(l) }()
	e.Cleanup(s.Stop)
	return s
}

// rpcClient calls as fast as it is answered, over several connections' worth of callers.
type rpcClient struct {
	name   string
	client healthpb.HealthClient
	calls  atomic.Int64

	mu     sync.Mutex
	failed []string
}

func (c *rpcClient) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := c.client.Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// run calls until the context ends, and notes what fails.
func (c *rpcClient) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := c.call(context.WithoutCancel(ctx))
		c.calls.Add(1)
		if err != nil {
			c.mu.Lock()
			c.failed = append(c.failed, time.Now().Format("15:04:05.000 ")+err.Error())
			c.mu.Unlock()
		}
		time.Sleep(time.Millisecond)
	}
}

// failures is an error that says what has failed up to now.
func (c *rpcClient) failures() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) > 0 {
		return fmt.Errorf("%s: %d of %d calls failed, first %s", c.name, len(c.failed), c.calls.Load(), c.failed[0])
	}
	return nil
}

// bootstrapRPC is a bootstrap of docs/proxyless-grpc.md for a server.
func bootstrapRPC(t *testing.T, which int, server string) string {
	t.Helper()
	return strings.Replace(blocks(t, "../docs/proxyless-grpc.md", "json")[which], "127.0.0.1:18000", server, 1)
}

// dialXDS dials with gRPC's own xDS client.
func dialXDS(t *testing.T, bootstrap, target string) *rpcClient {
	t.Helper()
	resolver, err := rpcxds.NewXDSResolverWithConfigForTesting([]byte(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	return dialRPC(t, target, gogrpc.WithResolvers(resolver))
}

func dialRPC(t *testing.T, target string, options ...gogrpc.DialOption) *rpcClient {
	t.Helper()
	conn, err := gogrpc.NewClient(target, append(options, gogrpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rpcClient{name: target, client: healthpb.NewHealthClient(conn)}
}

const rpcService = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: rpc, port: 80, appProtocol: grpc, targetPort: grpc}]}
`

// proxyless is a fleet with one Envoy and programs that reach Service shop/web without it.
type proxyless struct {
	*harness.Env
	cp      *harness.ControlPlane
	envoy   *harness.Envoy
	clients []*rpcClient // the last goes through Envoy
}

func newProxyless(t *testing.T, servers []*rpcServer, e *harness.Env) *proxyless {
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("web.yaml", rpcService)
	p := &proxyless{Env: e}
	p.workloads(servers...)
	p.rollout(75)
	p.cp = e.Serve()
	p.envoy = e.StartEnvoy("gw-1", p.cp.XDS)
	p.envoy.AwaitLive()
	bootstrap := bootstrapRPC(t, 0, p.cp.XDS)
	p.clients = []*rpcClient{
		dialXDS(t, bootstrap, "xds:///web.shop:80"),
		dialXDS(t, bootstrap, "xds:///web.shop.svc.cluster.local:80"),
		dialRPC(t, "passthrough:///"+e.Address(port), gogrpc.WithAuthority("web.shop")),
	}
	for _, c := range p.clients {
		e.Await(c.name+" answers", 20*time.Second, func() error { return c.call(t.Context()) })
	}
	return p
}

func (p *proxyless) workloads(servers ...*rpcServer) {
	var b strings.Builder
	for _, s := range servers {
		b.WriteString(s.workload)
	}
	p.Write("workloads.yaml", b.String())
}

func (p *proxyless) rollout(blue int) {
	p.Write("rollout.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {blue: %d, green: %d}
`, blue, 100-blue))
}

// noFailures fails the test for what has failed up to now.
func (p *proxyless) noFailures(after string) {
	p.Helper()
	for _, c := range p.clients {
		if err := c.failures(); err != nil {
			p.Errorf("after %s: %v", after, err)
		}
	}
}

// Programs with gRPC's own xDS client dial a Service of a running gateway-cp, beside an Envoy of the
// same fleet that has nothing of it.
func TestProxylessGRPC(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	blue := []*rpcServer{newRPCServer(e, "blue", ""), newRPCServer(e, "blue", "a"), newRPCServer(e, "blue", "a")}
	green := newRPCServer(e, "green", "b")
	p := newProxyless(t, append(blue, green), e)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer func() { stop(); load.Wait() }()
	for _, c := range p.clients {
		for range 2 {
			load.Go(func() { c.run(ctx) })
		}
	}

	checkShares(p, blue, green, 0.75)
	p.cp.Apply(10*time.Second, func() { p.workloads(blue[0], blue[1], green) })
	blue[2].GracefulStop()
	p.noFailures("an endpoint was removed and stopped")

	p.cp.Kill()
	before := p.clients[0].calls.Load()
	e.Await("calls without a control plane", 10*time.Second, func() error {
		if n := p.clients[0].calls.Load() - before; n < 200 {
			return fmt.Errorf("%d calls", n)
		}
		return nil
	})
	p.cp.Start()
	p.cp.AwaitStatus("all are back", 30*time.Second, harness.InSync(3))
	p.noFailures("a restart of gateway-cp")
	p.cp.Apply(10*time.Second, func() { p.rollout(0) })
	e.Await("blue is called no more", 10*time.Second, func() error {
		n := blue[0].calls.Load() + blue[1].calls.Load()
		time.Sleep(200 * time.Millisecond)
		if more := blue[0].calls.Load() + blue[1].calls.Load() - n; more > 0 {
			return fmt.Errorf("%d calls more", more)
		}
		return nil
	})
	p.noFailures("everything went to green")
	checkEnvoyHasNoAPIListener(p)

	stop()
	load.Wait()
	p.Remove("web.yaml")
	e.Await("calls to a Service that is gone fail", 10*time.Second, func() error {
		if err := p.clients[0].call(t.Context()); rpcstatus.Code(err) != codes.Unavailable {
			return fmt.Errorf("a call ends with %v", err)
		}
		return nil
	})
}

// A program shows a certificate, as an Envoy does, also with each new connection.
func TestProxylessGRPCOverTLS(t *testing.T) {
	s := newSecuredXDS(t)
	server := newRPCServer(s.Env, "blue", "")
	s.Write("fleet.yaml", s.Fleet(s.FreePort()))
	s.Write("web.yaml", rpcService+"---\n"+server.workload)
	files := certs.NewFiles(t, s.Dir+"/program")
	files.Trust(s.ca)
	files.Write(s.ca.Issue("spiffe://example.org/gateway-cp/fleet/default/node/checkout-7f9c"))
	bootstrap := strings.ReplaceAll(bootstrapRPC(t, 1, s.c.XDS), "/tls/", files.Dir+"/")
	c := dialXDS(t, bootstrap, "xds:///web.shop:80")
	s.Await("it answers", 20*time.Second, func() error { return c.call(t.Context()) })
	first := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer func() { stop(); load.Wait() }()
	load.Go(func() { c.run(ctx) })
	s.c.AwaitStatus("it comes with a new connection", 20*time.Second, func(all admin.Status) error {
		for _, e := range all.Envoys {
			if e.ID == "checkout-7f9c" && e.Connected && e.InSync && e.Since.After(first) && e.Certificate != nil {
				return nil
			}
		}
		return fmt.Errorf("the fleet is %+v, refused are %+v", all.Envoys, all.RefusedClients)
	})
	if err := c.failures(); err != nil {
		t.Error(err)
	}
}

// checkShares looks at how calls are spread: over versions as the Rollout says, for all clients
// together, and over the endpoints of blue evenly, whatever zones they are in.
func checkShares(p *proxyless, blue []*rpcServer, green *rpcServer, want float64) {
	p.Helper()
	count := func() (all [4]int64) {
		for i, s := range append(blue[:len(blue):len(blue)], green) {
			all[i] = s.calls.Load()
		}
		return all
	}
	before := count()
	var counts [4]int
	var calls int
	p.Await("1,200 calls", 20*time.Second, func() error {
		calls = 0
		for i, n := range count() {
			counts[i] = int(n - before[i])
			calls += counts[i]
		}
		if calls < 1200 {
			return fmt.Errorf("%d calls", calls)
		}
		return nil
	})
	if err := harness.Split(map[string]int{"blue": calls - counts[3], "green": counts[3]}, map[string]float64{"blue": want, "green": 1 - want}); err != nil {
		p.Errorf("%v", err)
	}
	if err := harness.Split(map[string]int{"1": counts[0], "2": counts[1], "3": counts[2]}, map[string]float64{"1": 1. / 3, "2": 1. / 3, "3": 1. / 3}); err != nil {
		p.Errorf("endpoints of blue: %v", err)
	}
	p.Logf("%d calls: %v", calls, counts)
}

// checkEnvoyHasNoAPIListener: an Envoy, which asks for every listener, has none of those of gRPC
// clients; and nobody takes the streams of a program, all with one id, for two Envoys.
func checkEnvoyHasNoAPIListener(p *proxyless) {
	p.Helper()
	dump, err := p.envoy.Get("/config_dump")
	if err != nil {
		p.Fatalf("%v", err)
	}
	if !strings.Contains(dump, "shop/web/80/green") || strings.Contains(dump, "api_listener") || strings.Contains(dump, "grpc/shop/web") {
		p.Errorf("Envoy has something of gRPC clients, or nothing of shop/web:\n%s", dump)
	}
	p.cp.AwaitStatus("no problems", 5*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(3)(s)
	})
}
