package test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Each version exists for the first time when the traffic is to move to it, and is shut down
// when Envoy has forgotten it. Nobody may notice, neither at the Gateway nor at the Service's
// own name, over HTTP/1.1 and HTTP/2, in WebSockets and in streams of gRPC.
func TestFlipsToNewVersionsLoseNothing(t *testing.T) {
	t.Parallel()
	f := &flips{Env: harness.New(t)}
	f.gateway, f.services = f.FreePort(), f.FreePort()
	f.Write("fleet.yaml", f.Fleet(f.services))
	f.Write("gateway.yaml", harness.Gateway(f.gateway)+harness.Route("web", "web.example.com", 80))
	f.Write("service.yaml", `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: grpc, port: 81, targetPort: http, appProtocol: kubernetes.io/h2c}]
`)
	f.deploy(0)
	f.c = f.Run("--envoy-stats-interval", "200ms")
	streams := f.streams()
	for _, s := range streams {
		f.Await("the first version answers", 20*time.Second, s.Answers(f.version(0)))
	}
	// Requests that take longer than a flip, and than the time that clusters are kept.
	slow := streams[2]
	slow.Name, slow.URL, slow.Rate = slowStream, slow.URL+"?delay=3s", 20
	f.load = f.Load(append(streams, slow)...)
	talks := f.Converse(10, map[string]func(context.Context) error{
		"WebSocket": harness.WebSocket(f.Address(f.services), "web"), "gRPC": f.GRPC(f.Address(f.services), "web:81"),
	})
	n := 20
	if soaking {
		n = 1000
	}
	var took []time.Duration
	for i := 1; i <= n; i++ {
		took = append(took, f.flip(i))
		if f.load.Failed() > 0 {
			t.Fatalf("after flip %d: %s", i, f.load.Stop().Failures())
		}
		if failed := talks.Failed(); len(failed) > 0 {
			t.Fatalf("after flip %d: %s", i, strings.Join(failed, "\n"))
		}
	}
	held := talks.Stop()
	if failed := talks.Failed(); len(failed) > 0 || len(held) != 2 {
		t.Fatalf("%v: %s", held, strings.Join(failed, "\n"))
	}
	f.old.Wait()
	samples := f.load.Stop()
	f.check(samples, n)
	slices.Sort(took)
	samples = samples.Without(slowStream)
	t.Logf("%d flips, %d requests, %.0f a second, p50 %s, p99 %s; conversations of two seconds: %v; flips took p50 %s, max %s",
		n, len(samples), samples.Rate(), samples.Quantile(0.5), samples.Quantile(0.99), held, took[n/2], took[n-1])
}

const slowStream = "slow requests"

// flips is the world of the test: one Service, and a version after the other.
type flips struct {
	*harness.Env
	gateway, services int
	c                 *harness.ControlPlane
	load              *harness.Load
	running           []*harness.Backend // of the newest version
	old               sync.WaitGroup     // versions that are on their way out
	ended             []time.Time        // when all samples of a version must have begun
}

// streams is a load of 1,200 requests per second.
func (f *flips) streams() []harness.Stream {
	gateway, services := "http://"+f.Address(f.gateway)+"/", "http://"+f.Address(f.services)+"/"
	const rate = 300
	return []harness.Stream{
		{Name: "Gateway, HTTP/1.1", URL: gateway, Host: "web.example.com", Rate: rate},
		{Name: "Gateway, HTTP/2", URL: gateway, Host: "web.example.com", HTTP2: true, Rate: rate},
		{Name: "Service, HTTP/1.1", URL: services, Host: "web", Rate: rate},
		{Name: "Service, HTTP/2", URL: services, Host: "web.default.svc.cluster.local", HTTP2: true, Rate: rate},
	}
}

func (f *flips) version(i int) string { return fmt.Sprintf("v%d", i) }

// deploy starts the processes of a version and makes it the active one, in one file each.
// Every other version is checked by Envoy before it gets anything, and makes the Rollout forget
// the one before it at once, rather than with the next flip.
func (f *flips) deploy(i int) {
	f.running = f.Backends(f.version(i), 2)
	var workloads strings.Builder
	for _, b := range f.running {
		if i%2 == 0 {
			workloads.WriteString(b.ProbedWorkload("web"))
		} else {
			workloads.WriteString(b.Workload("web"))
		}
	}
	f.Write(f.version(i)+".yaml", workloads.String())
	versions := fmt.Sprintf("{name: %s, selector: {version: %[1]s}}", f.version(i))
	if i%2 == 1 { // else only the state knows the version that has the traffic
		versions = fmt.Sprintf("{name: %s, selector: {version: %[1]s}}, ", f.version(i-1)) + versions
	}
	f.Write("rollout.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [%s]
  blueGreen: {active: %s, holdOld: 0s}
`, versions, f.version(i)))
}

// flip brings version i, waits until it has everything, and has the one before it go. It gives
// the time from the write of the file to the last answer of the version before.
func (f *flips) flip(i int) time.Duration {
	before, began := f.running, time.Now()
	f.deploy(i)
	for _, s := range f.streams() {
		f.Await("answers from "+f.version(i)+" to "+s.Name, 30*time.Second, func() error {
			return f.load.Samples().AnsweredBy(s.Name, f.version(i), began)
		})
	}
	f.c.AwaitStatus("the flip is acknowledged", 10*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			return fmt.Errorf("problem: %s", p)
		}
		return harness.InSync(1)(s)
	})
	f.ended = append(f.ended, time.Now())
	f.old.Add(1)
	go f.retire(f.version(i-1), before)
	return f.load.Samples().Without(slowStream).Last(f.version(i - 1)).Sub(began)
}

// retire waits until Envoy has forgotten a version, and stops its processes.
func (f *flips) retire(version string, backends []*harness.Backend) {
	defer f.old.Done()
	err := f.Within(30*time.Second, func() error {
		clusters, err := f.c.Envoy.Clusters("default/web/80/" + version + "~")
		if err == nil && len(clusters) > 0 {
			err = fmt.Errorf("envoy still has %v", clusters)
		}
		return err
	})
	if err != nil {
		f.Errorf("version %s is not taken away: %v", version, err)
		return
	}
	for _, b := range backends {
		b.Retire(20 * time.Second)
	}
	f.Remove(version + ".yaml")
}

// check looks at all requests: none failed, every version had its time, and none came back.
func (f *flips) check(samples harness.Samples, n int) {
	if text := samples.Failures(); text != "" {
		f.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	if rate := samples.Rate(); rate < 1000 {
		f.Errorf("only %.0f requests a second", rate)
	}
	seen := samples.Versions()
	for i := range n + 1 {
		if seen[f.version(i)] == 0 {
			f.Errorf("version %s has answered nothing", f.version(i))
		}
	}
	for i, ended := range f.ended {
		late := 0
		for _, s := range samples {
			if s.Version == f.version(i) && s.Start.After(ended) {
				late++
			}
		}
		if late > 0 {
			f.Errorf("%d requests were answered by version %s though they began after the flip away from it", late, f.version(i))
		}
	}
}
