package schema_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gateway-cp/gateway-cp/api"
	checks "github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// check reads files as validate does, and gives their problems.
func check(t testing.TB, o checks.Options, stdin string, paths ...string) []api.Problem {
	t.Helper()
	c := checks.New(o)
	visit := func(d files.Document) { c.Visit(checks.Object(d)) }
	if _, err := files.Load(files.LoadOptions{Stdin: strings.NewReader(stdin), Visit: visit}, paths...); err != nil {
		t.Fatal(err)
	}
	return c.Problems()
}

// show writes problems as "line: severity: path: reason: message (hint)".
func show(problems []api.Problem) []string {
	lines := []string{}
	for _, p := range problems {
		line := fmt.Sprintf("%d: %s: %s: %s: %s", p.Position.Line, p.Severity, p.Path, p.Reason, p.Message)
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func errorsOf(problems []api.Problem) []api.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p api.Problem) bool { return p.Severity != api.Error })
}

// gatewayAPI is the folder of the Gateway API's module.
func gatewayAPI(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestCases checks the texts in testdata/cases: each is YAML, a line "---want---" and what is found.
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, "no cases")
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), "---want---\n")
			got := strings.Join(show(check(t, checks.Options{}, input, "-")), "\n") + "\n"
			if got == want {
				return
			}
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(input+"---want---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("differs (to accept: UPDATE=1 go test ./schema):\n%s", cmp.Diff(want, got))
		})
	}
}

func TestValidManifestsHaveNoErrors(t *testing.T) {
	dir := gatewayAPI(t)
	for _, path := range []string{"testdata/valid.yaml", "testdata/accepted.yaml", "../examples", "../deploy/crds", dir + "/examples", dir + "/config/crd"} {
		for _, p := range errorsOf(check(t, checks.Options{}, "", path)) {
			if p.Reason != api.ReasonDuplicateObject { // examples, and channels, are for use one at a time
				t.Error(p)
			}
		}
	}
}

// Each of the Gateway API's invalid examples has an error, in both channels where it is of both.
func TestInvalidExamplesOfTheGatewayAPIAreFound(t *testing.T) {
	dir := filepath.Join(gatewayAPI(t), "hack", "invalid-examples")
	for channel, want := range map[checks.Channel]int{checks.Standard: 25, checks.Experimental: 30} {
		found := 0
		folders := []string{"standard"}
		if channel == checks.Experimental {
			folders = append(folders, "experimental")
		}
		for _, folder := range folders {
			paths, err := filepath.Glob(filepath.Join(dir, folder, "*", "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				found++
				if len(errorsOf(check(t, checks.Options{Channel: channel}, "", path))) == 0 {
					t.Errorf("%s: %s: no error", channel, path)
				}
			}
		}
		if found < want {
			t.Errorf("%s: only %d examples: did they move?", channel, found)
		}
	}
}

// Fields and kinds of the experimental channel are unknown in the standard one.
func TestChannels(t *testing.T) {
	const text = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  rules:
  - retry: {attempts: 2}
    backendRefs: [{name: a, port: 80}]
`
	if got := show(check(t, checks.Options{Channel: checks.Experimental}, text, "-")); len(got) > 0 {
		t.Error(got)
	}
	got := show(check(t, checks.Options{Channel: checks.Standard}, text, "-"))
	if len(got) != 1 || !strings.Contains(got[0], `7: error: spec.rules[0].retry: UnknownField: unknown field "retry"`) {
		t.Error(got)
	}
}

func TestUnknownKinds(t *testing.T) {
	const text = `
apiVersion: example.com/v1
kind: Thing
metadata: {name: a}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: b}
`
	for o, want := range map[checks.Unknown][]string{
		checks.Warn:   {"3: warning: kind: UnknownKind: there is no schema for example.com/v1 Thing; 2 objects are not checked against one (give its CRD with --crd)"},
		checks.Refuse: {"3: error: kind: UnknownKind: there is no schema for example.com/v1 Thing; 2 objects are not checked against one (give its CRD with --crd)"},
		checks.Skip:   {},
	} {
		if diff := cmp.Diff(want, show(check(t, checks.Options{Unknown: o}, text, "-"))); diff != "" {
			t.Errorf("%s: %s", o, diff)
		}
	}
}

// In groups of which all kinds are known, one that there is not is an error, with the nearest name.
func TestUnknownKindsOfKnownGroups(t *testing.T) {
	for text, want := range map[string]string{
		"{apiVersion: gateway.networking.k8s.io/v1, kind: HttpRoute, metadata: {name: a}}": "1: error: kind: UnknownKind: there is no kind HttpRoute in gateway.networking.k8s.io (did you mean HTTPRoute?; or give its CRD with --crd)",
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Rolout, metadata: {name: a}}":          "1: error: kind: UnknownKind: there is no kind Rolout in gateway-cp.io (did you mean Rollout?; or give its CRD with --crd)",
		"{apiVersion: gateway-cp.io/v1alpha1, kind: Canary, metadata: {name: a}}":          "1: error: kind: UnknownKind: there is no kind Canary in gateway-cp.io (correct apiVersion and kind, or give its CRD with --crd)",
		"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}}":           "1: warning: kind: UnknownKind: there is no schema for argoproj.io/v1alpha1 Rollout (give its CRD with --crd)",
		"{apiVersion: gatewaycp.io/v1, kind: Rollout, metadata: {name: a}}":                "1: warning: apiVersion: UnknownKind: there is no schema for gatewaycp.io/v1 Rollout (Rollout is in gateway-cp.io/v1alpha1; or give its CRD with --crd)",
		"{apiVersion: v1, kind: Servce, metadata: {name: a}}":                              "1: error: kind: UnknownKind: Kubernetes 1.37 does not have a v1 Servce (did you mean Service?)",
		"{apiVersion: example.com/v1, kind: Rolout, metadata: {name: a}}":                  "1: warning: kind: UnknownKind: there is no schema for example.com/v1 Rolout (give its CRD with --crd)",
	} {
		if diff := cmp.Diff([]string{want}, show(check(t, checks.Options{}, text, "-"))); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
