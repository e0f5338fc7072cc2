package test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// setOfTwo is a world of two Services that flip together, on an Envoy of each of two fleets.
type setOfTwo struct {
	*twoFleets
	load *harness.Load
}

var setNames = []string{"cart", "web"}

// Two Services flip under load, on two Envoys, with nothing lost; what one Envoy refuses of one of them takes
// both back on both Envoys, until it is fixed and somebody says retry.
func TestServicesFlipTogether(t *testing.T) {
	t.Parallel()
	s := &setOfTwo{twoFleets: newTwoFleets(t)}
	s.Write("gateway.yaml", strings.NewReplacer("{name: gw}", "{name: gw, labels: {fleet: a}}", "gatewayClassName: gateway-cp", "gatewayClassName: a").
		Replace(harness.Gateway(s.gateway)))
	for _, name := range setNames {
		s.Write(name+".yaml", strings.Replace(harness.Service(name, 80), "{name: "+name+"}", "{name: "+name+", labels: {fleet: both}}", 1)+
			harness.Workloads(name, append(s.Backends("blue", 2), s.Backends("green", 2)...)...))
	}
	s.active("blue")
	s.start()
	s.await("blue", time.Time{})
	s.load = s.Load(s.streams()...)
	var flips []time.Time
	for i := range counts(100) {
		version := []string{"green", "blue"}[i%2]
		began := time.Now()
		s.active(version)
		s.await(version, began)
		flips = append(flips, began)
	}
	ended := time.Now()
	s.active("green")
	s.await("green", ended)
	s.refuse()
	samples := s.load.Stop()
	apart := apart(samples, append(flips, ended))
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed: %s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d flips of two Services on two Envoys, %d requests, %.0f a second; from the first answer of a new version to the last request to an old one p50 %s, max %s",
		len(apart), len(samples), samples.Rate(), apart[len(apart)/2], apart[len(apart)-1])
	if longest := apart[len(apart)-1]; longest > 2*time.Second {
		t.Errorf("the Services were apart for %s", longest)
	}
}

// active writes what all of the set ask for.
func (s *setOfTwo) active(version string) {
	var b strings.Builder
	for _, name := range setNames {
		fmt.Fprintf(&b, `apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: %s}
spec:
  targetRef: {name: %[1]s}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  blueGreen: {active: %s, together: shop}
---
`, name, version)
	}
	s.Write("rollouts.yaml", b.String())
}

func (s *setOfTwo) streams() []harness.Stream {
	var all []harness.Stream
	for _, fleet := range []string{"a", "b"} {
		for _, name := range setNames {
			all = append(all, harness.Stream{Name: fleet + " " + name, URL: s.services[fleet], Host: name, Rate: 250, HTTP2: fleet == "b"})
		}
	}
	return all
}

// await waits until both are answered by a version on both Envoys, and these have taken everything.
func (s *setOfTwo) await(version string, since time.Time) {
	s.Helper()
	s.answered(version, since)
	s.c.AwaitStatus("both are in sync", 10*time.Second, harness.InSync(2))
}

func (s *setOfTwo) answered(version string, since time.Time) {
	s.Helper()
	for _, stream := range s.streams() {
		s.Await(version+" answers to "+stream.Name, 20*time.Second, func() error {
			if s.load == nil {
				return stream.Answers(version)()
			}
			return s.load.Samples().AnsweredBy(stream.Name, version, since)
		})
	}
}

// apart gives for each flip how long after the first answer of the new version, by either Service, the last
// request began that the old one has answered, by either Service on the same Envoy; negative: there was none.
func apart(samples harness.Samples, flips []time.Time) []time.Duration {
	var all []time.Duration
	for i, began := range flips[1:] {
		version, longest := []string{"green", "blue"}[i%2], time.Duration(math.MinInt64)
		for _, fleet := range []string{"a", "b"} {
			first, last := time.Time{}, time.Time{}
			for _, x := range samples.Within(flips[i], began) {
				switch {
				case !strings.HasPrefix(x.Stream, fleet):
				case x.Version != version:
					last = later(last, x.Start)
				case first.IsZero() || x.End().Before(first):
					first = x.End()
				}
			}
			longest = max(longest, last.Sub(first))
		}
		all = append(all, longest)
	}
	slices.Sort(all)
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refuse has Envoy gw-a refuse a route to one of the Services a moment after a flip.
func (s *setOfTwo) refuse() {
	s.Helper()
	route := func(path string) string {
		return strings.Replace(harness.Route("web", "web.example.com", 80), "{backendRefs",
			"{matches: [{path: {type: RegularExpression, value: '"+path+"'}}], backendRefs", 1)
	}
	began := time.Now()
	s.Write("route.yaml", route("/"+strings.Repeat(`\pL{1000}`, 6)+"?"))
	s.answered("blue", began)
	s.standAt("Aborted", "Envoy gw-a refuses the route ")
	s.Logf("both were back on both Envoys %s after the file was written", time.Since(began).Round(time.Millisecond))
	s.Write("route.yaml", route("/[a-z]*"))
	s.c.AwaitStatus("the route is taken", 20*time.Second, func(st admin.Status) error {
		for _, p := range st.Problems {
			return fmt.Errorf("%s", p)
		}
		return harness.InSync(2)(st)
	})
	s.standAt("Aborted", "say retry")
	began = time.Now()
	if out, code := s.c.CLI("rollout", "retry", "default/cart"); code != 0 {
		s.Errorf("retry exits with %d: %s", code, out)
	}
	s.await("green", began)
	s.standAt("Holding", "green has all traffic")
}

// standAt waits until both Rollouts are in a phase, for a reason.
func (s *setOfTwo) standAt(phase, message string) {
	s.Helper()
	s.c.AwaitStatus("both are "+phase, 10*time.Second, func(st admin.Status) error {
		if len(st.Rollouts) != len(setNames) {
			return fmt.Errorf("%d Rollouts", len(st.Rollouts))
		}
		for _, r := range st.Rollouts {
			if r.Phase != phase || !strings.Contains(r.Message, message) {
				return fmt.Errorf("%s is %s: %s", r.Name, r.Phase, r.Message)
			}
		}
		return nil
	})
}
