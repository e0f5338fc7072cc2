package findings

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
)

// sample is a report with everything in it that may go wrong: odd names, all severities,
// findings without a file, a line or a reason.
func sample() *Report {
	files := map[string]string{
		"a b/ü:1,%.yaml": "kind: Service\nspec:\n  selecter: {\"a\": <b>&amp;}\n",
		"-":              "# Source: shop/templates/web.yaml\nkind: Service\nspec: x\n",
	}
	odd := problem("a b/ü:1,%.yaml", 3, 3, "spec.selecter", api.ReasonUnknownField)
	odd.Message = "100% wrong:\r\n::error::<b>&\x1b[2J]]>\x00, \xff"
	odd.Other = api.Other{Object: api.Key{Kind: api.KindService, Name: "o"}, Path: "spec", Position: api.Position{File: "/src/x.yaml", Line: 2}}
	warn := problem("-", 3, 1, "spec", api.ReasonInvalidField)
	warn.Severity = api.Warning
	info := problem("", 0, 0, "", api.ReasonSelectorMatchesNone)
	info.Severity = api.Info
	list := New([]api.Problem{odd, warn, info, warn, {Severity: api.Error, Message: "no reason, no object"}, problem("/src/sub/y.yaml", 0, 0, "", "Unheard"), problem("../z.yaml", 7, 0, "", api.ReasonInvalidYAML)})
	list[1].Source = "shop/templates/web.yaml"
	texts(files).Complete(list)
	Fingerprints(list)
	return &Report{Command: "validate", Version: "v1.2.3", Objects: 3, Cases: []string{"fine.yaml", "a b/ü:1,%.yaml"}, Findings: list, Suppressed: 1, Known: 2}
}

func write(t *testing.T, format string, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, Options{Dir: "/src"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each JSON format keeps to its schema, also with nothing to report.
func TestFormatsKeepToTheirSchemas(t *testing.T) {
	for format, schema := range map[string]string{
		"sarif":  "testdata/schemas/sarif-2.1.0.json",
		"gitlab": "testdata/schemas/gitlab-codequality.json",
		"json":   "../docs/findings.schema.json",
		"yaml":   "../docs/findings.schema.json",
	} {
		t.Run(format, func(t *testing.T) {
			compiler := jsonschema.NewCompiler()
			compiler.AssertFormat()
			s, err := compiler.Compile(schema)
			if err != nil {
				t.Fatal(err)
			}
			for name, r := range map[string]*Report{"full": sample(), "empty": {}} {
				out := write(t, format, r)
				if format == "yaml" {
					if out, err = yaml.YAMLToJSON(out); err != nil {
						t.Fatal(err)
					}
				}
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Validate(value); err != nil {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
			}
		})
	}
}

// The schemas can say no.
func TestSchemasRefuse(t *testing.T) {
	for schema, bad := range map[string]string{
		"testdata/schemas/sarif-2.1.0.json":        `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"level":"fatal","message":{"text":"x"}}]}]}`,
		"testdata/schemas/gitlab-codequality.json": `[{"description":"x","check_name":"y","fingerprint":"z","severity":"error","location":{"path":"p","lines":{"begin":1}}}]`,
		"../docs/findings.schema.json":             `{"failed":false,"objects":1,"errors":0,"warnings":0,"infos":0,"suppressed":0,"known":0,"problems":[{"severity":"fatal","reason":"X","message":"m","object":{"kind":"","name":""}}]}`,
	} {
		s, err := jsonschema.NewCompiler().Compile(schema)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(value) == nil {
			t.Errorf("%s takes %s", schema, bad)
		}
	}
}

func TestSARIF(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal(write(t, "sarif", sample()), &log); err != nil {
		t.Fatal(err)
	}
	results := log.Runs[0].Results
	var uris []string
	for _, r := range results {
		if len(r.Locations) > 0 && r.Locations[0].Physical != nil {
			uris = append(uris, r.Locations[0].Physical.Artifact.URI)
		}
	}
	want := "a%20b/%C3%BC:1,%25.yaml shop/templates/web.yaml stdin sub/y.yaml ../z.yaml"
	if got := strings.Join(uris, " "); got != want {
		t.Errorf("URIs %s\nwant %s", got, want)
	}
	first := results[0]
	if r := first.Locations[0].Physical.Region; r.StartLine != 3 || r.StartColumn != 3 || r.EndColumn != 11 {
		t.Errorf("region %+v", r)
	}
	if len(first.RelatedLocations) != 1 || first.RelatedLocations[0].Physical.Artifact.URI != "x.yaml" {
		t.Errorf("related %+v", first.RelatedLocations)
	}
	for i, r := range results {
		if log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Fingerprints["primaryLocationLineHash"] == "" {
			t.Errorf("result %d: %+v", i, r)
		}
	}
}

func TestJUnit(t *testing.T) {
	var suites junitSuites
	if err := xml.Unmarshal(write(t, "junit", sample()), &suites); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range suites.Suite.Cases {
		state := "fine"
		if c.Failure != nil {
			state = c.Failure.Type
		}
		got = append(got, c.Name+" "+state)
	}
	want := "fine.yaml fine|a b/ü:1,%.yaml UnknownField|- fine|Service shop/web fine|gateway-cp validate Problem|/src/sub/y.yaml Unheard|../z.yaml InvalidYAML"
	if strings.Join(got, "|") != want || suites.Failures != 4 || suites.Tests != 7 {
		t.Errorf("%s, %d of %d\nwant %s", strings.Join(got, "|"), suites.Failures, suites.Tests, want)
	}
	r := sample()
	r.FailOn = api.Warning
	if !strings.Contains(string(write(t, "junit", r)), `failures="5"`) {
		t.Error("warnings do not fail where they should")
	}
}

// TestJUnitAgainstItsSchema holds the report against the XSD of Jenkins. There is no XSD
// validator in Go that does without C libraries, so it is one from PyPI.
func TestJUnitAgainstItsSchema(t *testing.T) {
	packages, err := exec.Command("../.ci/xmlschema").Output()
	if err != nil {
		t.Fatalf(".ci/xmlschema: %v: it needs Python 3 with pip", err)
	}
	dir := t.TempDir()
	check := func(name string, xml []byte) error {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, xml, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("python3", "-c", "import sys, xmlschema; xmlschema.validate(sys.argv[2], sys.argv[1])", "testdata/schemas/junit-10.xsd", file)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+strings.TrimSpace(string(packages)))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s: %s", name, out)
		}
		return err
	}
	full := write(t, "junit", sample())
	for name, xml := range map[string][]byte{"full": full, "empty": write(t, "junit", &Report{})} {
		if check(name, xml) != nil {
			t.Errorf("%s does not keep to the schema:\n%s", name, xml)
		}
	}
	if check("wrong", bytes.ReplaceAll(full, []byte("<testcase name="), []byte("<testcase nome="))) == nil {
		t.Error("the schema takes anything")
	}
}

// Workflow commands: what is in a message never becomes a command or a property of its own.
// This reads them as the runner does (ActionCommand.TryParseV2 of actions/runner).
func TestGitHub(t *testing.T) {
	out := string(write(t, "github", sample()))
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 8 || strings.Contains(out, "\r") {
		t.Fatalf("%d lines:\n%q", len(lines), out)
	}
	properties, message := readCommand(t, lines[0])
	for name, want := range map[string]string{"file": "a b/ü:1,%.yaml", "line": "3", "col": "3", "endColumn": "11", "title": "UnknownField"} {
		if properties[name] != want {
			t.Errorf("%s=%q, want %q", name, properties[name], want)
		}
	}
	if want := sentence(&sample().Findings[0]); message != want {
		t.Errorf("%q\nwant %q", message, want)
	}
	for i, want := range []string{"error", "warning", "notice", "warning", "error", "error", "error"} {
		if !strings.HasPrefix(lines[i], "::"+want+" ") {
			t.Errorf("line %d is no %s: %s", i, want, lines[i])
		}
	}
}

var command = regexp.MustCompile(`^::(\w+) ([^\n]*?)::(.*)$`)

func readCommand(t *testing.T, line string) (properties map[string]string, message string) {
	t.Helper()
	m := command.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("no command: %q", line)
	}
	decode := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace
	properties = map[string]string{}
	for _, p := range strings.Split(m[2], ",") {
		name, value, _ := strings.Cut(p, "=")
		properties[name] = decode(value)
	}
	return properties, decode(m[3])
}

// Fingerprints are unique, and stay while lines and entries move.
func TestFingerprintsSurviveMoves(t *testing.T) {
	prints := func(text string, at ...Finding) []string {
		texts(map[string]string{"f": text}).Complete(at)
		Fingerprints(at)
		var out []string
		for _, f := range at {
			out = append(out, f.Fingerprint)
		}
		return out
	}
	before := prints("kind: Service\nports:\n- port: 0\n- port: 0\n",
		Of(problem("f", 3, 3, "ports[0].port", api.ReasonInvalidField)), Of(problem("f", 4, 3, "ports[1].port", api.ReasonInvalidField)))
	after := prints("kind: Service\n\n# new\nports:\n- port: 80\n- port:   0\n- port: 0\n",
		Of(problem("f", 6, 3, "ports[1].port", api.ReasonInvalidField)), Of(problem("f", 7, 3, "ports[2].port", api.ReasonInvalidField)))
	if before[0] == before[1] || before[0] != after[0] || before[1] != after[1] {
		t.Errorf("before %v\nafter  %v", before, after)
	}
	edited := prints("kind: Service\nports:\n- port: -1\n", Of(problem("f", 3, 3, "ports[0].port", api.ReasonInvalidField)))
	if edited[0] == before[0] {
		t.Error("an edited line has the fingerprint of the old one")
	}
}
