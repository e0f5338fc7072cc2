package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// maxFailures bounds how many routes one test tells of.
const maxFailures = 20

// Run holds a test against the world, and gives what does not hold; none when all does. A test that is
// not valid gives what is wrong with it.
func Run(t *Test, w *World) []api.Problem {
	if len(t.invalid) > 0 {
		return t.invalid
	}
	r := &run{test: t, world: w}
	if !r.known() {
		return r.failures
	}
	switch {
	case t.Request != nil:
		r.request()
	case t.ForAll != nil:
		r.routes()
	default:
		r.asserts(nil, nil)
	}
	return r.failures
}

// run is a test at work.
type run struct {
	test     *Test
	world    *World
	failures []api.Problem
}

// fail notes what does not hold, and why it is so.
func (r *run) fail(reason api.Reason, hint string, path []string, format string, args ...any) {
	r.failures = append(r.failures, api.Problem{
		Object: api.Key{Kind: Kind, Name: r.test.suite}, Path: fieldPath(r.test.index, path), Reason: reason, Severity: api.Error,
		Message: fmt.Sprintf("%s: ", r.test.Name) + fmt.Sprintf(format, args...), Hint: hint, Position: r.test.at(path...),
	})
}

func fieldPath(index int, path []string) string {
	text := fmt.Sprintf("tests[%d]", index)
	for _, p := range path {
		if _, err := strconv.Atoi(p); err == nil {
			text += "[" + p + "]"
		} else {
			text += "." + p
		}
	}
	return text
}

func (r *run) request() {
	q, err := r.test.Request.build()
	if err != nil {
		r.fail(api.ReasonInvalidTest, "", []string{"request"}, "%v", err)
		return
	}
	e, err := r.world.explain(r.test.Request.Fleet, q)
	if err != nil {
		r.fail(api.ReasonTestFailed, "", []string{"request"}, "the request goes nowhere: %v", err)
		return
	}
	if r.world.Place != nil {
		e.EachOrigin(r.world.Place)
	}
	f := &facts{outcomes: e.Outcomes}
	if r.knownVersions(f) {
		r.expect(f, &q)
	}
}

// routes holds the test against every route that it is about. There must be one.
func (r *run) routes() {
	all, err := r.world.factsOf(r.test.ForAll)
	if err != nil {
		r.fail(api.ReasonTestFailed, "", []string{"forAll"}, "%v", err)
		return
	}
	if len(all) == 0 {
		r.fail(api.ReasonTestFailed, "choose others, or take the test away", []string{"forAll"}, "there is no such route, so that the test says nothing")
		return
	}
	if !r.knownVersions(all[0]) {
		return
	}
	for i, f := range all {
		if r.world.Place != nil {
			(&traffic.Explanation{Outcomes: f.outcomes}).EachOrigin(r.world.Place)
		}
		r.expect(f, nil)
		if n := len(r.failures); n >= maxFailures && i+1 < len(all) {
			r.fail(api.ReasonTestFailed, "", []string{"forAll"}, "%d more routes were not looked at", len(all)-i-1)
			return
		}
	}
}

// expect holds facts against everything that is expected.
func (r *run) expect(f *facts, q *traffic.Request) {
	e := &r.test.Expect
	r.destinations(f)
	r.equal(f, "status", e.Status != nil, func() (string, string) { return strconv.Itoa(*e.Status), statusOf(f) })
	r.equal(f, "location", e.Location != nil, func() (string, string) { return *e.Location, f.outcomes[0].Location })
	forward := f.forward()
	for _, field := range []struct {
		name string
		want *string
		got  func() string
	}{
		{"host", e.Host, func() string { return forward.Authority }},
		{"path", e.Path, func() string { return forward.Path }},
		{"timeout", e.Timeout, func() string { return forward.Timeout }},
	} {
		r.equal(f, field.name, field.want != nil, func() (string, string) {
			if forward == nil {
				return *field.want, ""
			}
			return *field.want, field.got()
		})
	}
	r.equal(f, "attempts", e.Attempts != nil, func() (string, string) {
		if forward == nil {
			return strconv.Itoa(*e.Attempts), ""
		}
		return strconv.Itoa(*e.Attempts), strconv.Itoa(forward.Attempts)
	})
	r.asserts(f, q)
}

// statusOf is that of a redirect or an answer; of what is forwarded it is not known.
func statusOf(f *facts) string {
	if len(f.outcomes) != 1 || f.forward() != nil || f.outcomes[0].Status == 0 {
		return ""
	}
	return strconv.Itoa(int(f.outcomes[0].Status))
}

// equal compares one field, if it is expected.
func (r *run) equal(f *facts, field string, expected bool, both func() (want, got string)) {
	if !expected {
		return
	}
	want, got := both()
	if want == got {
		return
	}
	if got == "" {
		got = "none: " + f.String()
	}
	r.wrong(f, []string{"expect", field}, "%s: want %s, got %s", field, want, got)
}

// wrong notes what does not hold of facts.
func (r *run) wrong(f *facts, path []string, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if f.name != "" {
		message = f.name + ": " + message
	}
	hint := ""
	if why := f.because(); why != "" {
		hint = "because of " + why
	}
	r.fail(api.ReasonTestFailed, hint, path, "%s", message)
}

// destinations checks where requests go.
func (r *run) destinations(f *facts) {
	e, shares := &r.test.Expect, f.shares()
	sum := 0.0
	for _, s := range shares {
		sum += s.percent
	}
	all := func(is func(share) bool) bool {
		return sum > 100-exactly && !slices.ContainsFunc(shares, func(s share) bool { return !s.copied && (!is(s) || s.why != "") })
	}
	if e.Service != "" && !all(func(s share) bool { return s.is(e.Service) }) {
		r.wrong(f, []string{"expect", "service"}, "want Service %s, but %s", e.Service, f)
	}
	if e.Version != "" && !all(func(s share) bool { return s.version == e.Version }) {
		r.wrong(f, []string{"expect", "version"}, "want version %s, but %s", e.Version, f)
	}
	for i, not := range e.NotService {
		for _, s := range shares {
			if s.is(not) {
				verb := "requests go"
				if s.copied {
					verb = "copies of requests go"
				}
				r.wrong(f, []string{"expect", "notService", strconv.Itoa(i)}, "%s to %s, which must not be", verb, s)
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Weights)) {
		want, got := e.Weights[name], 0.0
		for _, s := range shares {
			if !s.copied && (s.version == name || strings.Contains(name, "/") && s.is(name)) {
				got += s.percent
			}
		}
		if got < want.Min || got > want.Max {
			r.wrong(f, []string{"expect", "weights", name}, "want %s for %s, got %s %%: %s", want.text, name, strconv.FormatFloat(got, 'f', -1, 64), f)
		}
	}
}

// asserts evaluates the expressions.
func (r *run) asserts(f *facts, q *traffic.Request) {
	for i, expression := range r.test.Expect.Assert {
		path := []string{"expect", "assert", strconv.Itoa(i)}
		ok, err := r.world.assert(expression, q, f)
		subject := ""
		if f != nil && f.name != "" {
			subject = f.name + ": "
		}
		switch {
		case err != nil:
			r.fail(api.ReasonTestFailed, "docs/policy-tests.md lists what expressions may use", path, "%s%s cannot be evaluated: %v", subject, expression, err)
			return
		case !ok && f != nil:
			r.wrong(f, path, "%s is false: %s", expression, f)
		case !ok:
			r.fail(api.ReasonTestFailed, "", path, "%s is false", expression)
		}
	}
}
