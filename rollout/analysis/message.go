package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// message says in plain words what the samples say.
func (s *State) message(set Settings, v Verdict, over bool) string {
	if s.Canary.Requests() == 0 {
		return s.ended(v, set, "the canary has had no requests: nothing is known of it")
	}
	if s.Samples == 0 {
		return s.ended(v, set, fmt.Sprintf("canary %s; the stable version had no requests at the same time: there is nothing to compare with",
			counted(s.Canary)))
	}
	parts := []string{fmt.Sprintf("canary %s, stable %s", counted(s.Canary), strings.Replace(counted(s.Stable), " errors of ", " of ", 1))}
	parts = append(parts, fmt.Sprintf("evidence for worse %s of %s", number(v.Evidence), number(v.Enough)))
	if over {
		parts = append(parts, fmt.Sprintf("it has more than the %s errors that are the limit", percent(set.MaxErrorRate)))
	}
	parts = append(parts, fmt.Sprintf("at most %s points worse with %s %% confidence (%s is the margin)",
		points(v.AtMost), plain(set.Confidence*100, 2), points(set.Margin)))
	if v.Dispersion >= 2 {
		parts = append(parts, fmt.Sprintf("errors come in bursts: %s requests count as one", number(v.Dispersion)))
	}
	if v.Needs > 0 && v.Outcome == Running {
		parts = append(parts, "needs about "+thousands(rounded(v.Needs))+" more requests")
	}
	return s.ended(v, set, strings.Join(parts, "; "))
}

// ended says first how it ended, if it did.
func (s *State) ended(v Verdict, set Settings, text string) string {
	switch v.Outcome {
	case Fail:
		return "the canary is worse: " + text
	case Pass:
		return "the canary is good enough: " + text
	case Inconclusive:
		return fmt.Sprintf("not sure after %s: %s", set.MaxTime, text)
	}
	return text
}

func counted(c Counts) string {
	return percent(c.Rate()) + " errors of " + thousands(c.Requests())
}

// percent writes a rate.
func percent(rate float64) string { return points(rate) + " %" }

// points writes a difference of rates with two significant digits.
func points(d float64) string { return plain(d*100, 2) }

// plain writes a number with some significant digits and no exponent.
func plain(x float64, digits int) string {
	if x == 0 || math.Abs(x) < 1e-9 {
		return "0"
	}
	after := max(0, digits-1-int(math.Floor(math.Log10(math.Abs(x)))))
	text := strconv.FormatFloat(x, 'f', min(after, 4), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// number writes evidence.
func number(x float64) string {
	if x >= 1000 {
		return "more than 1,000"
	}
	return plain(x, 2)
}

// rounded rounds to two significant digits: "about" promises no more.
func rounded(n uint64) uint64 {
	step := uint64(1)
	for n/step >= 100 {
		step *= 10
	}
	return (n + step/2) / step * step
}

// thousands writes a count as 12,400.
func thousands(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
