package test

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// processArgument begins the argument by which the test program becomes a backend.
const processArgument = "be-a-backend-at="

// TestBackendProcess is no test: it is what a backend that can be killed runs. It takes 20 ms for an answer, so that
// requests are under way at any moment.
func TestBackendProcess(t *testing.T) {
	address, ok := strings.CutPrefix(flag.Arg(0), processArgument)
	if !ok {
		t.Skip("it is started by TestAKilledEndpoint")
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond)
		w.Header().Set(harness.EndpointHeader, address)
		w.Header().Set(harness.VersionHeader, "v1")
	})
	t.Fatal(http.ListenAndServe(address, nil))
}

// One of three endpoints is killed (kill -9: requests under way are reset, new connections refused) at 1,000 requests
// a second. Of requests that may be made twice none fails, with a policy that says so; the endpoint is left out
// after five failures, and how soon is printed. Without a policy, what was under way is lost, as everywhere.
func TestAKilledEndpoint(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := harness.New(t)
	port := e.FreePort()
	var workloads strings.Builder
	var processes []*harness.Process
	var addresses []string
	for i := range byte(3) {
		address := net.JoinHostPort(beside(e, 100+i).String(), "8080")
		addresses = append(addresses, address)
		processes = append(processes, e.Start(fmt.Sprint("backend-", i), self, "-test.run=^TestBackendProcess$", processArgument+address))
		fmt.Fprintf(&workloads, "apiVersion: gateway-cp.io/v1alpha1\nkind: Workload\nmetadata: {name: web-%d, labels: {app: web}}\n"+
			"spec: {addresses: [%q], ports: [{name: http, port: 8080}]}\n---\n", i, beside(e, 100+i))
	}
	e.Write("web.yaml", e.Fleet(port)+harness.Service("web", 80)+workloads.String()+`apiVersion: gateway-cp.io/v1alpha1
kind: BackendPolicy
metadata: {name: web}
spec: {targetRefs: [{name: web}], retry: {}}
`)
	c := e.Run()
	s := harness.Stream{Name: "web", URL: "http://" + e.Address(port) + "/", Host: "web.default", Rate: 1000}
	e.Await("web answers", 20*time.Second, s.Answers("v1"))
	for _, a := range addresses {
		e.Await(a+" answers", 10*time.Second, harness.Stream{URL: "http://" + a}.Answers("v1"))
	}
	load := e.Load(s)
	healthy := func(address string) (bool, error) {
		clusters, err := c.Envoy.Clusters("default/web/80")
		for _, h := range clusters["default/web/80"] {
			if h.Address == address {
				return h.Healthy, err
			}
		}
		return true, err
	}
	e.Await("all endpoints take requests", 10*time.Second, func() error {
		if n := len(load.Samples().Endpoints()); n != 3 || load.Sent() < 500 {
			return fmt.Errorf("%d endpoints, %d requests", n, load.Sent())
		}
		return nil
	})
	killed := time.Now()
	processes[0].Kill()
	var left time.Duration
	e.Await("the killed endpoint is left out", 10*time.Second, func() error {
		ok, err := healthy(addresses[0])
		if err == nil && ok {
			err = fmt.Errorf("%s still gets requests", addresses[0])
		}
		left = time.Since(killed)
		return err
	})
	if err := e.Pause(time.Second); err != nil {
		t.Fatal(err)
	}
	samples := load.Stop()
	after := samples.EndedIn(killed, time.Now())
	t.Logf("killed at %.0f requests a second: %d of %d requests failed; the endpoint got no more after %s (a look takes some of it); p99 before %s, after %s",
		samples.Rate(), len(samples.Failed()), len(samples), left.Round(time.Millisecond), samples.EndedIn(samples[0].Start, killed).Quantile(0.99), after.Quantile(0.99))
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed: %s", len(samples.Failed()), len(samples), text)
	}
	if n := len(after); n < 300 {
		t.Errorf("only %d requests after the kill", n)
	}
	if left > 2*time.Second {
		t.Errorf("the endpoint got requests for %s", left)
	}
}
