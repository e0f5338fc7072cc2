package harness

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Samples are requests, in any order.
type Samples []Sample

// Within gives those that both began and ended in a span of time.
func (s Samples) Within(from, to time.Time) Samples {
	return s.filter(func(x Sample) bool { return !x.Start.Before(from) && !x.End().After(to) })
}

// EndedIn gives those that ended after a moment, and not after another.
func (s Samples) EndedIn(after, to time.Time) Samples {
	return s.filter(func(x Sample) bool { return x.End().After(after) && !x.End().After(to) })
}

// Of gives those of the streams with a name.
func (s Samples) Of(stream string) Samples {
	return s.filter(func(x Sample) bool { return x.Stream == stream })
}

// Without gives those of all other streams.
func (s Samples) Without(stream string) Samples {
	return s.filter(func(x Sample) bool { return x.Stream != stream })
}

func (s Samples) filter(keep func(Sample) bool) Samples {
	var kept Samples
	for _, x := range s {
		if keep(x) {
			kept = append(kept, x)
		}
	}
	return kept
}

// Failed gives those that failed.
func (s Samples) Failed() Samples {
	return s.filter(func(x Sample) bool { return x.Failure != "" })
}

// Versions counts by version.
func (s Samples) Versions() map[string]int {
	counts := map[string]int{}
	for _, x := range s {
		counts[x.Version]++
	}
	return counts
}

// Endpoints counts by endpoint.
func (s Samples) Endpoints() map[string]int {
	counts := map[string]int{}
	for _, x := range s {
		counts[x.Endpoint]++
	}
	return counts
}

// Last gives the latest end among those of a version; zero when there is none.
func (s Samples) Last(version string) time.Time {
	var last time.Time
	for _, x := range s {
		if x.Version == version && x.End().After(last) {
			last = x.End()
		}
	}
	return last
}

// Quantile gives a quantile of the latencies, such as 0.99; 0 when there are none.
func (s Samples) Quantile(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	latencies := make([]time.Duration, len(s))
	for i, x := range s {
		latencies[i] = x.Latency
	}
	slices.Sort(latencies)
	return latencies[int(q*float64(len(s)-1))]
}

// Rate gives requests per second, from the first start to the last.
func (s Samples) Rate() float64 {
	if len(s) < 2 {
		return 0
	}
	byStart := func(a, b Sample) int { return a.Start.Compare(b.Start) }
	span := slices.MaxFunc(s, byStart).Start.Sub(slices.MinFunc(s, byStart).Start)
	return float64(len(s)-1) / span.Seconds()
}

// Failures describes failed samples for people, the most frequent first; empty when there
// are none.
func (s Samples) Failures() string {
	type kind struct{ stream, failure string }
	counts, first := map[kind]int{}, map[kind]time.Time{}
	for _, x := range s.Failed() {
		k := kind{x.Stream, x.Failure}
		counts[k]++
		if first[k].IsZero() || x.Start.Before(first[k]) {
			first[k] = x.Start
		}
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b kind) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a.stream+a.failure, b.stream+b.failure))
	})
	var b strings.Builder
	for i, k := range kinds {
		if i == 10 {
			fmt.Fprintf(&b, "and %d other kinds\n", len(kinds)-i)
			break
		}
		fmt.Fprintf(&b, "%d × %s: %s (first at %s)\n", counts[k], k.stream, strings.TrimSpace(k.failure),
			first[k].Format("15:04:05.000"))
	}
	return b.String()
}

// Split checks counts against the shares that were asked for (they sum to 1). The error is
// nil unless the difference would come by chance in less than one of 100,000 cases, or a
// version that was to have nothing has something.
func Split(counts map[string]int, shares map[string]float64) error {
	total := 0
	for version, n := range counts {
		total += n
		if shares[version] == 0 && n > 0 {
			return fmt.Errorf("%d requests were answered by %q, which was to have none: %v", n, version, counts)
		}
	}
	chi, freedom := 0.0, -1
	for version, share := range shares {
		if share == 0 {
			continue
		}
		want := share * float64(total)
		if want < 5 {
			return fmt.Errorf("%d requests are too few to tell whether %q has %.2f %%", total, version, 100*share)
		}
		difference := float64(counts[version]) - want
		chi += difference * difference / want
		freedom++
	}
	if limit := chiSquareLimit(freedom); chi > limit {
		return fmt.Errorf("%v of %d requests, want shares %v (χ² is %.1f, at most %.1f is chance)", counts, total, shares, chi, limit)
	}
	return nil
}

// chiSquareLimit is the quantile 1 - 1e-5 of the χ² distribution, by Wilson and Hilferty's
// approximation (Proc. Natl. Acad. Sci. 17 (1931), p. 684).
func chiSquareLimit(freedom int) float64 {
	if freedom <= 0 {
		return 0.5 // one version has it all; no difference is possible but rounding
	}
	const z = 4.2649 // of the normal distribution
	k := float64(freedom)
	return k * math.Pow(1-2/(9*k)+z*math.Sqrt(2/(9*k)), 3)
}

// AnsweredBy is nil when a version has answered a request of a stream ("": of any) that began
// after a moment. Samples must be in the order of their ends, as a Load gives them.
func (s Samples) AnsweredBy(stream, version string, after time.Time) error {
	for i := len(s) - 1; i >= 0 && !s[i].End().Before(after); i-- {
		if s[i].Version == version && s[i].Start.After(after) && (stream == "" || s[i].Stream == stream) {
			return nil
		}
	}
	return fmt.Errorf("no request to %q since %s was answered by %q", stream, after.Format("15:04:05.000"), version)
}
