package harness

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestSplitTellsChanceFromError(t *testing.T) {
	shares := map[string]float64{"blue": 0.9, "green": 0.1}
	for _, c := range []struct {
		blue, green int
		fine        bool
	}{{9000, 1000, true}, {9100, 900, true}, {9200, 800, false}, {10000, 0, false}, {8800, 1200, false}, {4, 0, false}} {
		err := Split(map[string]int{"blue": c.blue, "green": c.green}, shares)
		if (err == nil) != c.fine {
			t.Errorf("%d blue, %d green: %v", c.blue, c.green, err)
		}
	}
	only := map[string]float64{"green": 1, "blue": 0}
	if err := Split(map[string]int{"green": 1000}, only); err != nil {
		t.Error(err)
	}
	if Split(map[string]int{"green": 1000, "blue": 1}, only) == nil {
		t.Error("one request to a version without a share went unnoticed")
	}
}

// Without a proxy between them, the load must see what the backends do.
func TestLoadSeesVersionsAndFailures(t *testing.T) {
	e := New(t)
	b := e.Backend("blue")
	url := "http://" + b.Address.String() + "/"
	l := e.Load(Stream{Name: "h1", URL: url, Rate: 300}, Stream{Name: "h2", URL: url, Rate: 300, HTTP2: true})
	time.Sleep(500 * time.Millisecond)
	all := l.Stop()
	for _, name := range []string{"h1", "h2"} {
		s := all.Of(name)
		if len(s) < 100 || len(s.Failed()) > 0 || s.Versions()["blue"] != len(s) || s.Endpoints()[b.Address.String()] != len(s) {
			t.Errorf("%s: %d requests, versions %v; %s", name, len(s), s.Versions(), s.Failures())
		}
		if s.Quantile(0.99) < s.Quantile(0.5) || s.Quantile(0.5) <= 0 {
			t.Errorf("%s: p50 %s, p99 %s", name, s.Quantile(0.5), s.Quantile(0.99))
		}
	}
	if n := int64(len(all)); n != l.Sent() || n != b.Requests.Load() {
		t.Errorf("%d samples, %d sent, %d answered", n, l.Sent(), b.Requests.Load())
	}
	b.Shutdown(5 * time.Second)
	l = e.Load(Stream{Name: "gone", URL: url, Rate: 100})
	time.Sleep(100 * time.Millisecond)
	if gone := l.Stop(); len(gone) == 0 || len(gone.Failed()) != len(gone) || !strings.Contains(gone.Failures(), "refused") {
		t.Errorf("a backend that is gone: %d of %d failed: %s", len(gone.Failed()), len(gone), gone.Failures())
	}
}

// A balancer that gives each rule of a chain the same probability, 1/n in place of 1/(n-i) as kube-proxy does, is
// found out by as many requests as the tests of balancers make.
func TestSplitFindsAWrongBalancer(t *testing.T) {
	third := map[string]float64{"a": 1. / 3, "b": 1. / 3, "c": 1. / 3}
	spread := func(probabilities ...float64) map[string]int {
		random := rand.New(rand.NewPCG(1, 2))
		counts := map[string]int{}
		for range 600 {
			switch {
			case random.Float64() < probabilities[0]:
				counts["a"]++
			case random.Float64() < probabilities[1]:
				counts["b"]++
			default:
				counts["c"]++
			}
		}
		return counts
	}
	if err := Split(spread(1./3, 1./2), third); err != nil {
		t.Errorf("kube-proxy's probabilities: %v", err)
	}
	if counts := spread(1./3, 1./3); Split(counts, third) == nil {
		t.Errorf("%v is taken for even", counts)
	}
}
