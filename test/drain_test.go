package test

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// SIGTERM lets clients finish what they have begun, and then ends everything, cleanly.
func TestDrainFinishesRequests(t *testing.T) {
	t.Parallel()
	e, c, url := drained(t, "30s")
	var requests sync.WaitGroup
	for _, http2 := range []bool{false, true} {
		for range 20 {
			requests.Go(func() {
				s := harness.Stream{URL: url + "?delay=3s", Host: "web", HTTP2: http2}
				if err := s.Answers("web")(); err != nil {
					t.Errorf("a request that had begun: %v", err)
				}
			})
		}
	}
	_ = e.Pause(time.Second)
	began := time.Now()
	c.Terminate(30 * time.Second)
	took := time.Since(began)
	requests.Wait()
	if took < 1500*time.Millisecond {
		t.Errorf("it ended after %s, before the requests did", took)
	}
	if left := c.SupervisedEnvoys(); len(left) > 0 {
		t.Errorf("Envoys are left: %v", left)
	}
	t.Logf("drained in %s", took)
}

// A request without an end does not keep it from ending.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	e, c, url := drained(t, "2s")
	var request sync.WaitGroup
	request.Go(func() { _, _, _ = harness.Stream{URL: url + "?delay=20s", Host: "web"}.Do() })
	_ = e.Pause(500 * time.Millisecond)
	c.Terminate(15 * time.Second)
	if left := c.SupervisedEnvoys(); len(left) > 0 {
		t.Errorf("Envoys are left: %v", left)
	}
	request.Wait()
}

// drained is a world with one Service, and how to ask it.
func drained(t *testing.T, timeout string) (e *harness.Env, c *harness.ControlPlane, url string) {
	e = harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", harness.Service("web", 80)+e.Backend("web").Workload("web"))
	c = e.Run("--drain-timeout", timeout)
	url = "http://" + e.Address(port) + "/"
	e.Await("web answers", 10*time.Second, harness.Stream{URL: url, Host: "web"}.Answers("web"))
	return e, c, url
}

// A load balancer needs time to notice that Envoy's health check fails: whoever comes until
// then is served.
func TestDrainServesWhoStillComes(t *testing.T) {
	t.Parallel()
	e, c, url := drained(t, "20s")
	load := e.Load(
		harness.Stream{Name: "HTTP/1.1", URL: url, Host: "web", Rate: 200},
		harness.Stream{Name: "HTTP/2", URL: url, Host: "web", HTTP2: true, Rate: 200},
	)
	_ = e.Pause(time.Second)
	c.Signal(syscall.SIGTERM)
	e.Await("the health check fails", 5*time.Second, func() error {
		if c.Envoy.Live() == nil {
			return errors.New("it passes")
		}
		return nil
	})
	_ = e.Pause(3 * time.Second)
	samples := load.Stop()
	if text := samples.Failures(); text != "" || len(samples) < 1000 {
		t.Errorf("%d requests; failed:\n%s", len(samples), text)
	}
	began := time.Now()
	if err := c.Wait(15 * time.Second); err != nil {
		t.Fatalf("after the last client: %v", err)
	}
	t.Logf("it ended %s after the last client", time.Since(began))
}
