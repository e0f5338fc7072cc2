package findings

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"
	"strings"
)

// The parts of JUnit's report that are written here: one test case for each of Report.Cases.
type (
	junitSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Suite    junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a test case for each case, or file: failed with all findings that make the
// command fail; others are in its output.
func writeJUnit(w io.Writer, r *Report, _ Options) error {
	name := strings.TrimSpace("gateway-cp " + r.Command)
	suite := junitSuite{Name: name, Cases: []junitCase{}}
	index := map[string]int{}
	add := func(of string) int {
		n, there := index[of]
		if !there {
			n = len(suite.Cases)
			index[of] = n
			suite.Cases = append(suite.Cases, junitCase{Name: of, Class: name})
		}
		return n
	}
	for _, c := range r.Cases {
		add(c)
	}
	texts := map[int]*bytes.Buffer{}
	outs := map[int]*bytes.Buffer{}
	for i := range r.Findings {
		f := &r.Findings[i]
		n := add(cmp.Or(f.Case, f.Position.File, strings.TrimSpace(f.Object.String()), name))
		into := outs
		if r.fails(f) {
			into = texts
			if suite.Cases[n].Failure == nil {
				suite.Cases[n].Failure = &junitFailure{Type: ruleID(f.Reason), Message: sentence(f)}
				suite.Failures++
			}
		}
		if into[n] == nil {
			into[n] = new(bytes.Buffer)
		}
		painter(false).finding(into[n], f)
	}
	for n := range suite.Cases {
		if b := texts[n]; b != nil {
			suite.Cases[n].Failure.Text = b.String()
		}
		if b := outs[n]; b != nil {
			suite.Cases[n].Out = b.String()
		}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Name: name, Tests: suite.Tests, Failures: suite.Failures, Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
