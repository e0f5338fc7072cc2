package test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Three Envoys with 1 % on the canary: the shares that clients see, and those that gateway-cp measures, are the share
// that is asked, as exactly as chance allows (long form: a million requests, within 0.05 points). And a change of weights is
// in effect on all three a moment after it was written.
func TestWeightsAreExactAndQuick(t *testing.T) {
	t.Parallel()
	requests, flips := int64(12_000), 5
	if soaking {
		requests, flips = 1_000_000, 100
	}
	e := harness.New(t)
	var fleets strings.Builder
	var streams []harness.Stream
	names := []string{"a", "b", "c"}
	for _, name := range names {
		port := e.FreePort()
		fmt.Fprintf(&fleets, "apiVersion: gateway-cp.io/v1alpha1\nkind: Fleet\nmetadata: {name: %s}\nspec: {serviceListener: {address: %q, port: %d}, drainTime: 1s}\n---\n", name, e.IP, port)
		streams = append(streams, harness.Stream{Name: name, URL: "http://" + e.Address(port) + "/"})
	}
	e.Write("fleets.yaml", fleets.String())
	rollout := func(name, strategy string) {
		e.Write(name+"-rollout.yaml", fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s}\nspec:\n  targetRef: {name: %[1]s}\n"+
			"  versions:\n  - {name: v1, selector: {version: v1}}\n  - {name: v2, selector: {version: v2}}\n  %s\n", name, strategy))
	}
	for _, name := range []string{"exact", "quick"} {
		e.Write(name+".yaml", harness.Service(name, 80)+e.Backend("v1").Workload(name)+e.Backend("v2").Workload(name))
	}
	rollout("exact", "canary: {to: v1}")
	rollout("quick", "traffic: {v1: 100}")
	c := e.Serve()
	for i, name := range names {
		e.StartEnvoy("gw-"+name, c.XDS, "--fleet", name).AwaitLive()
		for _, host := range []string{"exact", "quick"} {
			streams[i].Host = host + ".default"
			e.Await(name+" serves "+host, 20*time.Second, streams[i].Answers("v1"))
		}
	}
	checkQuick(e, streams, flips, func(v2 int) { rollout("quick", fmt.Sprintf("traffic: {v1: %d, v2: %d}", 100-v2, v2)) })

	rollout("exact", "canary: {to: v2, steps: [{weight: 1}, {pause: {}}], analysis: {}}")
	c.AwaitStatus("1 %", 20*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			if r.Name == "exact" && (r.Canary == nil || r.Canary.Percent != 1) {
				return fmt.Errorf("%+v", r)
			}
		}
		return harness.InSync(3)(s)
	})
	if e.Pause(300*time.Millisecond) != nil { // Envoy's threads take it over one by one
		t.FailNow()
	}
	counts := askMany(streams, "exact.default", requests)
	const p = 0.01
	bound := 5 * math.Sqrt(p*(1-p)/float64(requests))
	got := float64(counts["v2"]) / float64(requests)
	t.Logf("%d requests over 3 Envoys: %.4f %% on the canary (1 %% ± %.3f points)", requests, got*100, bound*100)
	if math.Abs(got-p) > bound || counts["v1"]+counts["v2"] != requests {
		t.Errorf("%v: the canary has %.5f, want %.2f ± %.5f", counts, got, p, bound)
	}
	c.AwaitStatus("what was measured", 20*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			if r.Name != "exact" {
				continue
			}
			m := r.Versions[1].Measured
			if m == nil || int64(m.Requests) < requests/2 {
				return fmt.Errorf("measured: %+v", m)
			}
			t.Logf("measured: %.4f %% of %d requests", m.Percent, m.Requests)
			if chance := 5 * math.Sqrt(p*(1-p)/float64(m.Requests)); math.Abs(m.Percent/100-p) > chance || r.Deviation != "" || int64(m.Requests) > requests {
				t.Errorf("measured: %+v, %q", m, r.Deviation)
			}
		}
		return nil
	})
	if out, code := c.CLI("rollout", "status", "default/exact"); code != 0 || !strings.Contains(out, "v2 1 % (measured ") {
		t.Errorf("rollout status exits with %d:\n%s", code, out)
	}
}

// askMany sends requests, to all streams in turn, as fast as they are answered, and counts who has answered.
func askMany(streams []harness.Stream, host string, requests int64) map[string]int64 {
	var next atomic.Int64
	var mu sync.Mutex
	var done sync.WaitGroup
	counts := map[string]int64{}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	for range 24 {
		done.Go(func() {
			own := map[string]int64{}
			for n := next.Add(1); n <= requests; n = next.Add(1) {
				own[versionFor(client, streams[n%int64(len(streams))], host)]++
			}
			mu.Lock()
			defer mu.Unlock()
			for version, n := range own {
				counts[version] += n
			}
		})
	}
	done.Wait()
	return counts
}

func versionFor(client *http.Client, s harness.Stream, host string) string {
	s.Host = host
	req, err := s.Request()
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.Header.Get(harness.VersionHeader)
}

// checkQuick changes weights, and watches for how long any of the Envoys' threads still has the old ones.
func checkQuick(e *harness.Env, streams []harness.Stream, flips int, set func(v2 int)) {
	e.Helper()
	clients := make([]*http.Client, 4) // a connection each
	for i := range clients {
		clients[i] = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1}}
		defer clients[i].CloseIdleConnections()
	}
	set(50) // past the gate
	e.Await("both versions have traffic", 20*time.Second, func() error {
		for _, s := range streams {
			seen := map[string]bool{}
			for range 40 {
				seen[versionFor(clients[0], s, "quick.default")] = true
			}
			if len(seen) < 2 {
				return fmt.Errorf("%v on %s", seen, s.Name)
			}
		}
		return nil
	})
	var took []time.Duration
	for i := range flips {
		version, v2 := "v1", 0
		if i%2 == 0 {
			version, v2 = "v2", 100
		}
		written := time.Now()
		set(v2)
		times := make([]time.Duration, len(streams))
		var done sync.WaitGroup
		for j, s := range streams {
			done.Go(func() {
				for times[j] == 0 && time.Since(written) < 20*time.Second {
					at, all := time.Since(written), true
					for range 4 { // what is left of the old weights is some part of the requests
						for _, client := range clients {
							all = all && versionFor(client, s, "quick.default") == version
						}
					}
					if all {
						times[j] = at
					}
				}
			})
		}
		done.Wait()
		took = append(took, times...)
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	e.Logf("a change of weights is in effect on each of 3 Envoys after %s (median), %s (p99), from writing the file on", took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond))
	if took[0] == 0 || p99 > 5*time.Second {
		e.Errorf("%v", took)
	}
}
