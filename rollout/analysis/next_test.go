package analysis

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// feed gives the same sample over and over.
func feed(set Settings, s State, sample Sample, times int) (State, Verdict) {
	var v Verdict
	for range times {
		s, v = Next(set, s, sample)
	}
	return s, v
}

func second(canarySuccess, canaryError, stableSuccess, stableError uint64) Sample {
	return Sample{Canary: Counts{canarySuccess, canaryError}, Stable: Counts{stableSuccess, stableError}, Took: time.Second}
}

// What is not known is neither success nor failure: a silent canary, a stable version without
// traffic, no samples at all.
func TestSilenceIsNoEvidence(t *testing.T) {
	for name, sample := range map[string]Sample{
		"silent canary":              second(0, 0, 1000, 5),
		"silent canary, stable down": second(0, 0, 0, 1000),
		"silent stable":              second(1000, 0, 0, 0),
		"silent stable, canary down": second(0, 1000, 0, 0),
		"silence":                    second(0, 0, 0, 0),
	} {
		if _, v := feed(Settings{}, State{}, sample, 10000); v.Outcome != Running || v.Evidence > 1 || v.Needs != 0 {
			t.Errorf("%s: %+v", name, v)
		}
		_, v := feed(Settings{MaxTime: time.Hour}, State{}, sample, 3600)
		if v.Outcome != Inconclusive || !strings.HasPrefix(v.Message, "not sure after 1h0m0s: ") {
			t.Errorf("%s: %+v after an hour", name, v)
		}
	}
}

// A silent canary that begins to serve is judged as if the silence had not been.
func TestSilenceLeavesNoTrace(t *testing.T) {
	quiet, _ := feed(Settings{}, State{}, second(0, 0, 95, 1), 1000)
	quiet, after := feed(Settings{}, quiet, second(3, 2, 95, 0), 3)
	_, fresh := feed(Settings{}, State{}, second(3, 2, 95, 0), 3)
	if after.Evidence != fresh.Evidence || after.AtMost != fresh.AtMost {
		t.Errorf("after silence %+v, without %+v", after, fresh)
	}
	if quiet.Samples != 3 {
		t.Errorf("%d samples compared", quiet.Samples)
	}
}

// Once it is decided, nothing changes it, but that one which has passed may become bad.
func TestDecisionsStay(t *testing.T) {
	s, v := feed(Settings{}, State{}, second(1, 4, 95, 0), 10)
	if v.Outcome != Fail {
		t.Fatalf("%+v", v)
	}
	if _, v = feed(Settings{}, s, second(500, 0, 95, 50), 1000); v.Outcome != Fail {
		t.Errorf("%+v", v)
	}
	s, v = feed(Settings{}, State{}, second(50, 0, 95, 0), 100)
	if v.Outcome != Pass {
		t.Fatalf("%+v", v)
	}
	s, v = feed(Settings{}, s, second(49, 1, 95, 2), 3)
	if v.Outcome != Pass {
		t.Errorf("%+v", v)
	}
	if _, v = feed(Settings{}, s, second(0, 50, 95, 0), 20); v.Outcome != Fail || !strings.HasPrefix(v.Message, "the canary is worse: ") {
		t.Errorf("one that becomes bad after it has passed: %+v", v)
	}
}

// One burst decides nothing, however large: a second multiplies the evidence by BetCap at most,
// and a tenth of a second by its tenth root.
func TestOneBurstDecidesNothing(t *testing.T) {
	for name, took := range map[string]time.Duration{"a second": time.Second, "a minute": time.Minute, "unknown": 0} {
		_, v := Next(Settings{}, State{}, Sample{Counts{0, 100000}, Counts{100000, 0}, took})
		if v.Outcome != Running || v.Evidence > DefaultBetCap {
			t.Errorf("%s: %+v", name, v)
		}
	}
	var s State
	var v Verdict
	for range 10 {
		s, v = Next(Settings{}, s, Sample{Counts{0, 1000}, Counts{1000, 0}, 100 * time.Millisecond})
	}
	if v.Evidence > DefaultBetCap {
		t.Errorf("ten tenths of a second: %+v", v)
	}
}

// Both fail for a while, more so while the canary has a larger share: that is not the canary's.
func TestOutageOfBothIsNotTheCanarys(t *testing.T) {
	s, _ := feed(Settings{}, State{}, second(50, 0, 950, 0), 60)
	s, v := feed(Settings{}, s, second(250, 250, 250, 250), 60)
	if v.Evidence > 1 || math.Abs(v.Worse) > 1e-9 {
		t.Errorf("an outage of both is evidence: %+v", v)
	}
	if s.Canary.Rate() < 2*s.Stable.Rate() {
		t.Error("the test is none: the totals do not mislead")
	}
}

// The limit holds for the canary however bad the stable version is.
func TestMaxErrorRate(t *testing.T) {
	bad := second(90, 10, 900, 100)
	if _, v := feed(Settings{MaxErrorRate: 0.05}, State{}, bad, 60); v.Outcome != Fail || !strings.Contains(v.Message, "more than the 5 % errors that are the limit") {
		t.Errorf("%+v", v)
	}
	if _, v := feed(Settings{}, State{}, bad, 600); v.Outcome != Pass {
		t.Errorf("without a limit, as good as the stable version: %+v", v)
	}
	// Slightly above, but not surely: it does not pass.
	if _, v := feed(Settings{MaxErrorRate: 0.0999, Margin: 0.1}, State{}, bad, 20); v.Outcome != Running {
		t.Errorf("%+v", v)
	}
}

func TestMinRequests(t *testing.T) {
	few := Settings{MinRequests: 1000}
	if _, v := feed(few, State{}, second(0, 99, 900, 0), 10); v.Outcome != Running || v.Evidence < v.Enough {
		t.Errorf("990 requests: %+v", v)
	}
	if _, v := feed(few, State{}, second(0, 99, 900, 0), 11); v.Outcome != Fail {
		t.Errorf("1089 requests: %+v", v)
	}
}

// The sentence that people read.
func TestMessage(t *testing.T) {
	s, _ := feed(Settings{}, State{}, second(20, 0, 380, 2), 15)
	s, _ = feed(Settings{}, s, second(19, 1, 380, 2), 4)
	s, v := feed(Settings{}, s, second(20, 0, 380, 2), 12)
	want := "canary 0.65 % errors of 620, stable 0.52 % of 11,842; evidence for worse 0.41 of 100; " +
		"at most 2.6 points worse with 95 % confidence (1 is the margin); needs about 3,000 more requests"
	if v.Message != want {
		t.Errorf("got  %s\nwant %s", v.Message, want)
	}
	if again := Look(Settings{}, s); !reflect.DeepEqual(again, v) {
		t.Errorf("Look says %+v, Next %+v", again, v)
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
	for x, want := range map[float64]string{0: "0", 0.5: "50", 0.006: "0.6", 0.0000052: "0.0005", 1: "100", -0.0123: "-1.2"} {
		if got := points(x); got != want {
			t.Errorf("%g is written %s, not %s", x, got, want)
		}
	}
}

// The bounds hold at all times at once, and are no wider than twice what a single look would need.
func TestBounds(t *testing.T) {
	if u := upper(0, 299, 0.05); u < 3.0/299 || u > 8.0/299 {
		t.Errorf("0 of 299: %g", u) // a single look: 3 of 299
	}
	misses, runs := 0, many(10000, 300)
	for seed := range uint64(runs) {
		w := &world{random: source(seed)}
		errors, n := 0.0, 0.0
		for range 200 {
			errors += float64(w.binomial(20, 0.02))
			n += 20
			if lower(errors, n, 0.05) > 0.02 || upper(errors, n, 0.05) < 0.02 {
				misses++
				break
			}
		}
	}
	if misses > runs*5/100 {
		t.Errorf("%d of %d intervals missed the rate at some time", misses, runs)
	}
}

// Whatever comes, the state can be stored, going on from what was stored is going on, and what
// was given is not changed.
func TestAnySampleIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 20), rapid.Uint64Range(0, 1<<40))
		set := Settings{
			Margin:       rapid.Float64().Draw(t, "margin"),
			MaxErrorRate: rapid.Float64().Draw(t, "max"),
			Alpha:        rapid.Float64Range(0, 1).Draw(t, "alpha"),
			Confidence:   rapid.Float64Range(-1, 2).Draw(t, "confidence"),
			BetCap:       rapid.Float64().Draw(t, "cap"),
		}
		var s State
		for range rapid.IntRange(1, 30).Draw(t, "samples") {
			sample := Sample{
				Canary: Counts{count.Draw(t, "success"), count.Draw(t, "error")},
				Stable: Counts{count.Draw(t, "success"), count.Draw(t, "error")},
				Took:   time.Duration(rapid.Int64Range(-1e9, 1e11).Draw(t, "took")),
			}
			before, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			next, v := Next(set, s, sample)
			if after, _ := json.Marshal(s); string(after) != string(before) {
				t.Fatal("Next changed the state that it was given")
			}
			var stored State
			if err := json.Unmarshal(before, &stored); err != nil {
				t.Fatal(err)
			}
			if _, same := Next(set, stored, sample); !reflect.DeepEqual(same, v) {
				t.Fatalf("%+v from the stored state, %+v from that in memory", same, v)
			}
			for _, x := range []float64{v.Evidence, v.Enough, v.Worse, v.AtMost, v.Dispersion} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%+v", v)
				}
			}
			passed := s.Outcome == Pass && next.Outcome == Fail
			if s.Outcome != Running && next.Outcome != s.Outcome && !passed {
				t.Fatalf("%s became %s", s.Outcome, next.Outcome)
			}
			s = next
		}
	})
}
