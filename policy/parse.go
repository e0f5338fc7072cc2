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
)

// Parse reads a test file. What is wrong with a single test is said when that is run, and the others
// are as if nothing were; what is wrong beside the tests is a problem.
func Parse(file string, text []byte) ([]*Suite, []api.Problem) {
	var suites []*Suite
	var problems []api.Problem
	documents := 0
	for nodes := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		err := nodes.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		documents++
		if err != nil {
			problems = append(problems, notYAML(file, err))
			break
		}
		if len(n.Content) == 0 || resolved(n.Content[0]).Tag == "!!null" {
			documents--
			continue
		}
		s, wrong := newSuite(file, resolved(n.Content[0]))
		problems = append(problems, wrong...)
		if s != nil && len(s.Tests) > 0 {
			suites = append(suites, s)
		}
	}
	if documents == 0 {
		problems = append(problems, invalid(api.Position{File: file, Line: 1}, "there is no test in the file"))
	}
	return suites, problems
}

// newSuite reads a document; none is given where it is not a suite at all.
func newSuite(file string, n *yaml.Node) (*Suite, []api.Problem) {
	s, d := &Suite{}, &decoder{}
	d.fields(n, reflect.ValueOf(s).Elem(), nil)
	at := func(of *yaml.Node) api.Position { return api.Position{File: file, Line: of.Line, Column: of.Column} }
	if s.APIVersion != APIVersion || s.Kind != Kind {
		return nil, []api.Problem{invalid(at(n), fmt.Sprintf("apiVersion must be %s and kind %s, not %q and %q", APIVersion, Kind, s.APIVersion, s.Kind))}
	}
	if s.Metadata.Name == "" {
		d.fail(n, nil, "metadata.name is required")
	}
	if tests := child(n, "tests"); len(s.Tests) == 0 && (tests == nil || tests.Kind == yaml.SequenceNode) {
		d.fail(n, nil, "there are no tests in it")
	}
	names := map[string]bool{}
	for i, t := range s.Tests {
		t.suite, t.file, t.index, t.node = s.Metadata.Name, file, i, n
		if tests := child(n, "tests"); tests != nil {
			t.node = resolved(tests.Content[i])
		}
		if names[t.Name] {
			t.wrong([]string{"name"}, fmt.Sprintf("there are two tests %q", t.Name), "")
		}
		names[t.Name] = names[t.Name] || t.Name != ""
	}
	var problems []api.Problem
	for _, m := range d.wrong {
		if len(m.path) > 1 && m.path[0] == "tests" {
			i, _ := strconv.Atoi(m.path[1])
			s.Tests[i].wrongAt(m)
			continue
		}
		p := invalid(at(m.at), m.message)
		p.Object, p.Path = api.Key{Kind: Kind, Name: s.Metadata.Name}, strings.Join(m.path, ".")
		if m.hint != "" {
			p.Hint = m.hint
		}
		problems = append(problems, p)
	}
	for _, t := range s.Tests {
		if len(t.invalid) == 0 {
			t.check()
		}
	}
	return s, problems
}

// wrong notes what makes a test none, at a field of it.
func (t *Test) wrong(path []string, message, hint string) {
	p := invalid(t.at(path...), message)
	p.Object, p.Path = api.Key{Kind: Kind, Name: t.suite}, fieldPath(t.index, path)
	if t.Name != "" {
		p.Message = t.Name + ": " + message
	}
	if hint != "" {
		p.Hint = hint
	}
	t.invalid = append(t.invalid, p)
}

// wrongAt notes a mistake in the text of a test.
func (t *Test) wrongAt(m mistake) {
	t.wrong(m.path[2:], m.message, m.hint)
	t.invalid[len(t.invalid)-1].Position = api.Position{File: t.file, Line: m.at.Line, Column: m.at.Column}
}

// check finds what makes no sense.
func (t *Test) check() {
	e := t.Expect
	one := e.Service != "" || e.Version != "" || e.Weights != nil || e.Status != nil || e.Location != nil ||
		e.Host != nil || e.Path != nil || e.Timeout != nil || e.Attempts != nil || e.NotService != nil
	switch {
	case t.Name == "":
		t.wrong(nil, "name is required", "")
	case t.Request != nil && t.ForAll != nil:
		t.wrong([]string{"forAll"}, "a test is about a request or about all routes (forAll), not both", "")
	case !one && len(e.Assert) == 0:
		t.wrong([]string{"expect"}, "nothing is expected: expect is empty", "")
	case t.Request == nil && t.ForAll == nil && one:
		t.wrong([]string{"expect"}, "without request or forAll there is only expect.assert", "")
	case t.Request != nil && t.Request.URL == "":
		t.wrong([]string{"request"}, "request.url is required", "")
	}
	if e.Timeout != nil && *e.Timeout != "none" {
		if d, err := time.ParseDuration(*e.Timeout); err != nil {
			t.wrong([]string{"expect", "timeout"}, fmt.Sprintf("%q is no time such as 3s, or none", *e.Timeout), "")
		} else {
			text := d.String()
			t.Expect.Timeout = &text
		}
	}
	service := func(name string, path ...string) {
		if name != "" && strings.Count(name, "/") != 1 {
			t.wrong(path, fmt.Sprintf("%q is no Service: write namespace/name or namespace/name:port", name), "")
		}
	}
	service(e.Service, "expect", "service")
	for i, name := range e.NotService {
		service(name, "expect", "notService", strconv.Itoa(i))
	}
}

func invalid(at api.Position, message string) api.Problem {
	return api.Problem{Reason: api.ReasonInvalidTest, Severity: api.Error, Message: message, Position: at, Hint: "docs/policy-tests.md describes test files"}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// notYAML makes a problem of what the YAML library says. What stands behind it is not read.
func notYAML(file string, err error) api.Problem {
	p := invalid(api.Position{File: file}, err.Error())
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		p.Position.Line, _ = strconv.Atoi(m[1])
		p.Message = "it is not YAML: " + m[2]
	}
	p.Hint = "what stands behind it in the file is not read"
	return p
}

// child gives the value of a key; nil when it is not there.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolved(n.Content[i+1])
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
			next = resolved(n.Content[i])
		}
		if next == nil {
			break
		}
		n = next
	}
	return api.Position{File: t.file, Line: n.Line, Column: n.Column}
}
