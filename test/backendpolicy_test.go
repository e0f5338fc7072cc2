package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// policyWorld is some Services, each with a BackendPolicy of its name.
type policyWorld struct {
	*harness.Env
	c   *harness.ControlPlane
	url string
}

// policyOf is a Service over a policy's app, and the policy.
func policyOf(service, app, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: %s}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: %[1]s}
spec:
  targetRefs: [{name: %[1]s}]
  %[3]s
---
`, service, app, spec)
}

func newPolicyWorld(t *testing.T, manifests string) *policyWorld {
	e := harness.New(t)
	port := e.FreePort()
	e.Write("world.yaml", e.Fleet(port)+manifests)
	w := &policyWorld{Env: e, c: e.Run(), url: "http://" + e.Address(port) + "/"}
	w.c.AwaitStatus("in sync", 20*time.Second, harness.InSync(1))
	return w
}

// ask makes one request, and gives its status.
func (w *policyWorld) ask(method, service string) (status int) {
	w.Helper()
	resp, _, err := harness.Stream{Method: method, URL: w.url, Host: service + ".default"}.Do()
	if err != nil {
		w.Fatalf("%s: %v", service, err)
	}
	return resp.StatusCode
}

// breaker answers nothing: it reads a request, and breaks the connection off.
func breaker(e *harness.Env, at byte) (address netip.AddrPort, requests *atomic.Int64) {
	l, err := net.Listen("tcp", net.JoinHostPort(beside(e, at).String(), "0"))
	if err != nil {
		e.Fatalf("%v", err)
	}
	e.Cleanup(func() { _ = l.Close() })
	requests = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if n, _ := c.Read(make([]byte, 4096)); n > 0 {
					requests.Add(1)
					_ = c.(*net.TCPConn).SetLinger(0) // a reset
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort(), requests
}

// What may have been processed is tried again only where the policy says so, and only by the methods that it is about: never
// a POST, by default. Time limits and circuit breakers of a policy hold.
func TestPolicyOfRequests(t *testing.T) {
	e := harness.New(t) // for an address
	address, broken := breaker(e, 150)
	var asked atomic.Int64
	overloaded := e.Backend("v1")
	overloaded.Handle(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	slow := e.Backend("v1")
	slow.Handle(func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) })
	w := newPolicyWorld(t, policyOf("plain", "broken", "tcpKeepalive: {probes: 3, idleTime: 10s, interval: 1s}")+
		policyOf("resets", "broken", "retry: {numRetries: 4, perRetry: {backOff: {baseInterval: 1ms}}}")+
		policyOf("puts", "broken", "retry: {numRetries: 1, retryOn: {triggers: [5xx], methods: [PUT]}}")+
		policyOf("never", "broken", "retry: {numRetries: 0}")+
		policyOf("statuses", "overloaded", "retry: {numRetries: 2, retryOn: {triggers: [retriable-status-codes], httpStatusCodes: [503]}}")+
		policyOf("late", "slow", "timeout: {http: {requestTimeout: 300ms}}")+
		policyOf("narrow", "slow", "circuitBreaker: {maxParallelRequests: 1}")+
		fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Workload\nmetadata: {name: broken, labels: {app: broken}}\n"+
			"spec: {addresses: [%q], ports: [{name: http, port: %d}]}\n---\n", address.Addr(), address.Port())+
		overloaded.Workload("overloaded")+slow.Workload("slow"))
	for _, c := range []struct {
		method, service string
		counter         *atomic.Int64
		attempts        int64
	}{
		{"GET", "plain", broken, 1}, {"GET", "resets", broken, 5}, {"HEAD", "resets", broken, 5}, {"POST", "resets", broken, 1},
		{"PUT", "resets", broken, 1}, {"PUT", "puts", broken, 2}, {"GET", "puts", broken, 1}, {"GET", "never", broken, 1},
		{"GET", "statuses", &asked, 3}, {"POST", "statuses", &asked, 1},
	} {
		before := c.counter.Load()
		if status := w.ask(c.method, c.service); status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: status %d, want 503", c.method, c.service, status)
		}
		if n := c.counter.Load() - before; n != c.attempts {
			t.Errorf("%s %s: %d attempts, want %d", c.method, c.service, n, c.attempts)
		}
	}
	begin := time.Now()
	if status := w.ask("GET", "late"); status != http.StatusGatewayTimeout || time.Since(begin) > 1500*time.Millisecond {
		t.Errorf("late: status %d after %s, want 504 after 300 ms", status, time.Since(begin))
	}
	var refused atomic.Int64
	_, err := chosen(clients(e, 4), func(netip.Addr) (string, error) {
		if w.ask("GET", "narrow") == http.StatusServiceUnavailable {
			refused.Add(1)
		}
		return "", nil
	})
	if err != nil || refused.Load() != 3 {
		t.Errorf("narrow: %d of 4 requests at a time are refused, want 3 (%v)", refused.Load(), err)
	}
}

// A policy's health check holds for endpoints of EndpointSlices, which know nothing of it; the last connection that is silent
// is closed when its policy says. What is wrong with policies is told, and disturbs nobody.
func TestPolicyOfEndpoints(t *testing.T) {
	e := harness.New(t)
	good, bad := e.Backend("v1"), e.Backend("v1")
	bad.SetHealthy(false)
	db := newSpeaker(e, "db")
	ports := fmt.Sprintf("%d-%d", 30000, 30009)
	e.Write("world.yaml", nodePortFleet(e, ports)+fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ports: [{name: http, port: 80, nodePort: 30001}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: %d}]
endpoints: [{addresses: [%q]}, {addresses: [%q]}]
---
apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: web}
spec:
  targetRefs: [{name: web}]
  healthCheck: {active: {type: HTTP, http: {path: /healthz}, interval: 100ms, unhealthyThreshold: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, targetPort: tcp, nodePort: 30002}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: db}
spec: {targetRefs: [{name: db, sectionName: "5432"}], timeout: {tcp: {idleTimeout: 500ms}}}
---
apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: db-2}
spec: {targetRefs: [{name: db, sectionName: "5432"}, {name: nowhere}], retry: {}}
---
`, good.Address.Port(), good.Address.Addr(), bad.Address.Addr())+db.workload("db"))
	c := e.Run()
	if good.Address.Port() != bad.Address.Port() {
		t.Skip("an EndpointSlice has one port for all: each backend needs an address of its own")
	}
	url := "http://" + e.Address(30001) + "/"
	e.Await("web answers", 20*time.Second, harness.Stream{URL: url}.Answers("v1"))
	c.Envoy.AwaitHealthy("default/web/80", good.Address.String(), 10*time.Second)
	requests := make([]netip.Addr, 60)
	for i := range requests {
		requests[i] = e.IP
	}
	by, err := chosen(requests, askHTTP(url, "web"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range by {
		if b != good.Address.String() {
			t.Fatalf("%s answers, whose health check fails", b)
		}
	}
	l, err := call(e.Address(30002))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_ = l.SetDeadline(begin.Add(10 * time.Second))
	if _, err := l.reader.ReadString('\n'); err != io.EOF || time.Since(begin) < 400*time.Millisecond {
		t.Errorf("a silent connection ends with %v after %s, want to be closed after 500 ms", err, time.Since(begin))
	}
	c.AwaitStatus("what is wrong is told", 10*time.Second, func(s admin.Status) error {
		told := map[api.Reason]bool{}
		for _, p := range s.Problems {
			told[p.Reason] = p.Object.Name == "db-2" && strings.HasPrefix(p.Path, "spec.targetRefs") && p.Position.Line > 0
		}
		if len(s.Problems) != 2 || !told[api.ReasonTargetConflict] || !told[api.ReasonTargetNotFound] {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return nil
	})
}

// How even the balancers of policies are, and whom they move when a fourth endpoint comes and goes: a hash of a header by
// Maglev its quarter and 1 % at most beside it; a session cookie nobody, and back only those that the
// fourth has had.
func TestPolicyOfBalancing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only: backends cannot have one each")
	}
	t.Parallel()
	e := harness.New(t)
	backends := e.Backends("v1", 4)
	services := ""
	for name, spec := range map[string]string{
		"rr":     "loadBalancer: {ipvsScheduler: wrr, slowStart: {window: 1s}}",
		"least":  "loadBalancer: {type: LeastRequest, leastRequest: {choices: 2}}",
		"random": "loadBalancer: {type: Random}",
		"header": "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: x-user}}}",
		"ring":   "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: x-user}, algorithm: RingHash, minimumRingSize: 100000}}",
		"cookie": "sessionPersistence: {sessionName: basket}",
	} {
		services += policyOf(name, "web", spec)
	}
	w := newPolicyWorld(t, services)
	three := func() { w.Write("workloads.yaml", harness.Workloads("web", backends[:3]...)) }
	w.c.Apply(10*time.Second, three)
	for _, name := range []string{"rr", "least", "random", "header", "ring", "cookie"} {
		w.Await(name+" answers", 20*time.Second, harness.Stream{URL: w.url, Host: name + ".default"}.Answers("v1"))
	}
	third := map[string]float64{}
	for _, b := range backends[:3] {
		third[b.Address.String()] = 1. / 3
	}
	all := clients(w.Env, 400)
	if soaking {
		all = clients(w.Env, 10_000)
	}
	// users gives who answers each user of a Service; users have a header, and cookies.
	jars := map[netip.Addr]http.CookieJar{}
	for _, a := range all {
		jars[a], _ = cookiejar.New(nil)
	}
	users := func(service string) []string {
		t.Helper()
		by, err := chosen(all, func(user netip.Addr) (string, error) {
			req, err := http.NewRequest(http.MethodGet, w.url, nil)
			if err != nil {
				return "", err
			}
			req.Host = service + ".default"
			req.Header.Set("X-User", user.String())
			client := http.Client{Timeout: 10 * time.Second, Jar: jars[user], Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Do(req)
			if err != nil {
				return "", err
			}
			if resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s: %s", service, resp.Status)
			}
			_ = resp.Body.Close()
			return resp.Header.Get(harness.EndpointHeader), err
		})
		if err != nil {
			t.Fatal(err)
		}
		return by
	}
	first := map[string][]string{}
	for _, name := range []string{"rr", "least", "random", "header", "ring", "cookie"} {
		first[name] = users(name)
		counts := map[string]int{}
		for _, b := range first[name] {
			counts[b]++
		}
		if err := harness.Split(counts, third); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.c.Apply(10*time.Second, func() { w.Write("workloads.yaml", harness.Workloads("web", backends...)) })
	fourth := backends[3].Address.String()
	for _, name := range []string{"header", "ring", "cookie"} {
		went, needless := moved(first[name], users(name), fourth)
		t.Logf("%s: 3 to 4 endpoints: %d of %d users moved (%.1f %%), %d of them between endpoints that stayed", name, went, len(all), 100*float64(went)/float64(len(all)), needless)
		switch share := float64(went-needless) / float64(len(all)); {
		case name == "cookie" && went > 0:
			t.Errorf("cookie: %d users moved, want nobody", went)
		case name == "header" && (share < 0.16 || share > 0.34 || needless > len(all)/100):
			t.Errorf("header: %.1f %% moved to the fourth endpoint, and %d others; want 25 %%, and 1 %% at most", 100*share, needless)
		}
	}
	w.c.Apply(10*time.Second, three)
	for _, name := range []string{"header", "cookie"} {
		if n, _ := moved(first[name], users(name), ""); n > 0 {
			t.Errorf("%s: %d users are not where they were before the fourth endpoint came and went", name, n)
		}
	}
}

// A policy holds for the versions of a Rollout, and what it tries again goes together with the rescue of a canary: safe
// requests that the canary fails are answered by the stable version, and others only as the policy says.
func TestPolicyOfARollout(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	stable, canary := e.Backend("v1"), e.Backend("v2")
	canary.Handle(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	rollout := func(to string) string {
		return strings.Replace(fmt.Sprintf(rescueRollout, to, ""), "weight: 10", "weight: 50", 1)
	}
	e.Write("shop.yaml", e.Fleet(port)+harness.Service("shop", 80)+harness.Workloads("shop", stable, canary)+`apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: shop}
spec:
  targetRefs: [{name: shop}]
  loadBalancer: {type: LeastRequest}
  retry: {retryOn: {triggers: [reset], methods: [GET, PUT]}}
`)
	e.Write("rollout.yaml", rollout("v1"))
	c := e.Run()
	s := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: "shop"}
	e.Await("shop is served", 20*time.Second, s.Answers("v1"))
	e.Write("rollout.yaml", rollout("v2"))
	c.AwaitStatus("the canary has its share", 20*time.Second, func(s admin.Status) error {
		if len(s.Rollouts) != 1 || s.Rollouts[0].Phase != "Paused" || len(s.Problems) > 0 {
			return fmt.Errorf("%+v, problems %v", s.Rollouts, s.Problems)
		}
		return harness.InSync(1)(s)
	})
	failed := map[string]int{}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		s.Method = method
		for range 60 {
			resp, _, err := s.Do()
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusOK {
				failed[method]++
			}
		}
	}
	if n := failed[http.MethodPut]; failed[http.MethodGet] > 0 || n < 10 || n > 50 {
		t.Errorf("%v of 60 each have failed, want no GET, and half of the PUTs", failed)
	}
	if canary.Requests.Load() < 40 {
		t.Errorf("the canary was asked %d times only", canary.Requests.Load())
	}
}
