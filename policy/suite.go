package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// What test files are: their name, and what stands in them. Neither kubectl nor kustomize, GitOps tools
// or gateway-cp itself take a file with this extension for a manifest.
const (
	Extension  = ".traffictest"
	APIVersion = "test.gateway-cp.io/v1alpha1"
	Kind       = "TrafficTest"
)

// The reasons of problems.
const (
	ReasonInvalidTest api.Reason = "InvalidTest"
	ReasonTestFailed  api.Reason = "TestFailed"
)

// Suite is a document of a test file.
type Suite struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Metadata `yaml:"metadata"`
	Tests      []*Test  `yaml:"tests"`
}

// Metadata names a suite.
type Metadata struct {
	Name string `yaml:"name"`
}

// Test is one expectation. It has either a Request, or ForAll, or neither: then it is about the world.
type Test struct {
	Name    string    `yaml:"name"`
	Request *Request  `yaml:"request"`
	ForAll  *Selector `yaml:"forAll"`
	Expect  Expect    `yaml:"expect"`

	suite string
	node  *yaml.Node
	file  string
	index int
}

// FullName is that of the suite and of the test.
func (t *Test) FullName() string { return t.suite + "/" + t.Name }

// Request is a request as a client sends it.
type Request struct {
	Method   string            `yaml:"method"` // default GET
	URL      string            `yaml:"url"`
	Headers  map[string]string `yaml:"headers"` // Host sets another host than that of the URL
	From     string            `yaml:"from"`    // IP address of the client
	HTTP2    bool              `yaml:"http2"`
	SNI      string            `yaml:"sni"`
	Listener string            `yaml:"listener"`
	Gateway  string            `yaml:"gateway"`
	Port     uint16            `yaml:"port"`
	Fleet    string            `yaml:"fleet"`
}

// Selector says which routes a test is about. Without any field: all of all Gateways.
type Selector struct {
	Gateway  string `yaml:"gateway"`  // namespace/name
	Listener string `yaml:"listener"` // 0.0.0.0:443
	Host     string `yaml:"host"`     // a domain, as it stands in the route or listener
	Fleet    string `yaml:"fleet"`
	// Services takes routes to Services by their own names (web.shop.svc) as well.
	Services bool `yaml:"services"`
}

// Expect is what shall hold; everything that is set.
type Expect struct {
	Service    string            `yaml:"service"`    // namespace/name or namespace/name:port: all goes there
	NotService []string          `yaml:"notService"` // nothing goes there, no copy either
	Version    string            `yaml:"version"`    // of a Rollout: all goes there
	Weights    map[string]Weight `yaml:"weights"`    // in percent, by version or namespace/name
	Status     *int              `yaml:"status"`     // of a redirect or of an answer of Envoy itself
	Location   *string           `yaml:"location"`   // of a redirect
	Host       *string           `yaml:"host"`       // as the backend gets it
	Path       *string           `yaml:"path"`       // as the backend gets it
	Timeout    *string           `yaml:"timeout"`    // as Go writes it: 3s, 1m30s; none
	Attempts   *int              `yaml:"attempts"`
	Assert     Strings           `yaml:"assert"` // expressions in CEL that must be true
}

// Weight is a share in percent: a number, or bounds that are included.
type Weight struct {
	Min, Max float64
	text     string
}

// UnmarshalYAML reads a number, or {min: , max: }, or {is: , tolerance: }.
func (w *Weight) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		v, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			return fmt.Errorf("line %d: %q is not a number of percent", n.Line, n.Value)
		}
		*w = Weight{v - exactly, v + exactly, n.Value + " %"}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "min", "max", "is", "tolerance":
		default:
			return fmt.Errorf("line %d: field %s not found in type Weight", n.Content[i].Line, n.Content[i].Value)
		}
	}
	var b struct {
		Min, Max, Is *float64
		Tolerance    float64
	}
	if err := n.Decode(&b); err != nil {
		return err
	}
	switch {
	case b.Is != nil && b.Min == nil && b.Max == nil:
		*w = Weight{*b.Is - b.Tolerance - exactly, *b.Is + b.Tolerance + exactly, fmt.Sprintf("%g %% ± %g", *b.Is, b.Tolerance)}
	case b.Is == nil && b.Tolerance == 0 && (b.Min != nil || b.Max != nil):
		*w = Weight{0, 100, ""}
		if b.Min != nil {
			w.Min = *b.Min
		}
		if b.Max != nil {
			w.Max = *b.Max
		}
		w.text = fmt.Sprintf("%g to %g %%", w.Min, w.Max)
		w.Min, w.Max = w.Min-exactly, w.Max+exactly
	default:
		return fmt.Errorf("line %d: a weight is a number, or has is and tolerance, or min and max", n.Line)
	}
	return nil
}

// exactly is how far apart two equal percentages may be: weights are in units of 0.01 %.
const exactly = 0.005

// Strings is a string, or a list of them.
type Strings []string

// UnmarshalYAML reads either.
func (s *Strings) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*s = Strings{n.Value}
		return nil
	}
	return n.Decode((*[]string)(s))
}

// Parse reads a test file. Whatever is wrong with it is a problem; the suites that are not wrong come
// along.
func Parse(file string, text []byte) ([]*Suite, []api.Problem) {
	var suites []*Suite
	nodes, strict := yaml.NewDecoder(bytes.NewReader(text)), yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	for {
		var n yaml.Node
		err := nodes.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, []api.Problem{invalid(file, 0, err.Error())}
		}
		s := &Suite{}
		if err := strict.Decode(s); err != nil {
			return nil, invalidYAML(file, err)
		}
		if len(n.Content) == 0 || n.Content[0].Tag == "!!null" {
			continue
		}
		if problems := s.complete(file, n.Content[0]); len(problems) > 0 {
			return nil, problems
		}
		suites = append(suites, s)
	}
	if len(suites) == 0 {
		return nil, []api.Problem{invalid(file, 1, "there is no test in the file")}
	}
	return suites, nil
}

// complete checks a suite, and notes where its tests stand.
func (s *Suite) complete(file string, n *yaml.Node) []api.Problem {
	var all []api.Problem
	fail := func(at *yaml.Node, format string, args ...any) {
		line := n.Line
		if at != nil {
			line = at.Line
		}
		all = append(all, invalid(file, line, fmt.Sprintf(format, args...)))
	}
	if s.APIVersion != APIVersion || s.Kind != Kind {
		fail(nil, "apiVersion must be %s and kind %s, not %q and %q", APIVersion, Kind, s.APIVersion, s.Kind)
		return all
	}
	if s.Metadata.Name == "" {
		fail(nil, "metadata.name is required")
	}
	tests := child(n, "tests")
	if len(s.Tests) == 0 {
		fail(nil, "there are no tests in it")
	}
	names := map[string]bool{}
	for i, t := range s.Tests {
		at := tests.Content[i]
		if t == nil {
			fail(at, "tests[%d] is empty", i)
			continue
		}
		t.suite, t.file, t.index, t.node = s.Metadata.Name, file, i, at
		if names[t.Name] {
			fail(at, "there are two tests %q", t.Name)
		}
		names[t.Name] = true
		for _, message := range t.check() {
			fail(at, "%s", message)
		}
	}
	return all
}

// check finds what makes no sense.
func (t *Test) check() []string {
	var all []string
	e := t.Expect
	one := e.Service != "" || e.Version != "" || e.Weights != nil || e.Status != nil || e.Location != nil ||
		e.Host != nil || e.Path != nil || e.Timeout != nil || e.Attempts != nil || e.NotService != nil
	switch {
	case t.Name == "":
		all = append(all, "name is required")
	case t.Request != nil && t.ForAll != nil:
		all = append(all, "a test is about a request or about all routes (forAll), not both")
	case !one && len(e.Assert) == 0:
		all = append(all, "nothing is expected: expect is empty")
	case t.Request == nil && t.ForAll == nil && one:
		all = append(all, "without request or forAll there is only expect.assert")
	case t.Request != nil && t.Request.URL == "":
		all = append(all, "request.url is required")
	}
	if e.Timeout != nil && *e.Timeout != "none" {
		if d, err := time.ParseDuration(*e.Timeout); err != nil {
			all = append(all, fmt.Sprintf("expect.timeout: %q is no time such as 3s, or none", *e.Timeout))
		} else {
			text := d.String()
			t.Expect.Timeout = &text
		}
	}
	for _, s := range append([]string{e.Service}, e.NotService...) {
		if s != "" && strings.Count(s, "/") != 1 {
			all = append(all, fmt.Sprintf("%q is no Service: write namespace/name or namespace/name:port", s))
		}
	}
	return all
}

func invalid(file string, line int, message string) api.Problem {
	return api.Problem{Reason: ReasonInvalidTest, Severity: api.Error, Message: message, Position: api.Position{File: file, Line: line},
		Hint: "docs/policy-tests.md describes test files"}
}

var (
	yamlLine     = regexp.MustCompile(`line (\d+): (.*)`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type (\S+)$`)
)

// invalidYAML makes problems of what the YAML decoder says.
func invalidYAML(file string, err error) []api.Problem {
	lines := []string{err.Error()}
	var all *yaml.TypeError
	if errors.As(err, &all) {
		lines = all.Errors
	}
	var problems []api.Problem
	for _, l := range lines {
		m := yamlLine.FindStringSubmatch(l)
		if m == nil {
			problems = append(problems, invalid(file, 0, l))
			continue
		}
		line, _ := strconv.Atoi(m[1])
		p := invalid(file, line, m[2])
		if f := unknownField.FindStringSubmatch(m[2]); f != nil {
			p.Message = fmt.Sprintf("there is no field %s here", f[1])
			if near := nearest.Name(f[1], fieldNames()); near != "" {
				p.Hint = fmt.Sprintf("did you mean %s?", near)
			}
		}
		problems = append(problems, p)
	}
	return problems
}

// fieldNames are all that files may have.
func fieldNames() []string {
	names := []string{"min", "max", "is", "tolerance"}
	for _, of := range []any{Suite{}, Metadata{}, Test{}, Request{}, Selector{}, Expect{}} {
		t := reflect.TypeOf(of)
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("yaml"); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// child gives the value of a key; nil when it is not there.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// at gives the position of a field of the test, or of what encloses it.
func (t *Test) at(path ...string) api.Position {
	n := t.node
	for _, key := range path {
		next := child(n, key)
		if i, err := strconv.Atoi(key); next == nil && err == nil && n != nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
			next = n.Content[i]
		}
		if next == nil {
			break
		}
		n = next
	}
	return api.Position{File: t.file, Line: n.Line, Column: n.Column}
}
