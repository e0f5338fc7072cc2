package findings

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

// texts gives Texts of files in memory.
func texts(files map[string]string) *Texts {
	return &Texts{Read: func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}}
}

func problem(file string, line, column int, path string, reason api.Reason) api.Problem {
	return api.Problem{
		Object: api.Key{Kind: api.KindService, Namespace: "shop", Name: "web"}, Path: path, Reason: reason,
		Severity: api.Error, Message: "is wrong", Hint: "make it right",
		Position: api.Position{File: file, Line: line, Column: column},
	}
}

// text writes findings for people, with their lines.
func text(t *testing.T, files map[string]string, list ...Finding) string {
	t.Helper()
	texts(files).Complete(list)
	var b bytes.Buffer
	if err := Write(&b, "text", &Report{Objects: 1, Findings: list}, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextShowsTheLineWithACaret(t *testing.T) {
	files := map[string]string{"web.yaml": "apiVersion: v1\nkind: Service\nspec:\n  selecter: {app: web}\n\tports: # 忍者 x: y\n  - {port: 99999, name: \"a b\"}\n"}
	got := text(t, files,
		Of(problem("web.yaml", 4, 3, "spec.selecter", api.ReasonUnknownField)),
		Of(problem("web.yaml", 6, 6, "spec.ports[0].port", api.ReasonInvalidField)),
		Of(problem("web.yaml", 6, 19, "spec.ports[0].name", api.ReasonInvalidName)),
		Of(problem("web.yaml", 5, 2, "spec.ports", api.ReasonInvalidField)),
		Of(problem("gone.yaml", 1, 1, "", api.ReasonInvalidField)),
	)
	want := `web.yaml:4:3: error: Service shop/web: spec.selecter: is wrong [UnknownField]
    4 |   selecter: {app: web}
      |   ^^^^^^^^
  hint: make it right
web.yaml:6:6: error: Service shop/web: spec.ports[0].port: is wrong [InvalidField]
    6 |   - {port: 99999, name: "a b"}
      |      ^^^^^^^^^^^
  hint: make it right
web.yaml:6:19: error: Service shop/web: spec.ports[0].name: is wrong [InvalidName]
    6 |   - {port: 99999, name: "a b"}
      |                   ^^^^^^^^^^^
  hint: make it right
web.yaml:5:2: error: Service shop/web: spec.ports: is wrong [InvalidField]
    5 | 	ports: # 忍者 x: y
      | 	^^^^^
  hint: make it right
gone.yaml:1:1: error: Service shop/web: is wrong [InvalidField]
  hint: make it right
1 object, 5 errors, 0 warnings
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Values of Secrets are shown nowhere, in whichever way the document is written.
func TestSecretsAreNotShown(t *testing.T) {
	secret := api.Key{Kind: api.KindSecret, Name: "s"}
	for name, c := range map[string]struct {
		text string
		line int
		key  api.Key
		want string // the line that is shown
	}{
		"block":          {"kind: Secret\ndata:\n  tls.key: hunter2\n", 3, secret, "  tls.key: …"},
		"list item":      {"kind: List\nitems:\n- kind: Secret\n  stringData:\n    a: hunter2\n", 5, api.Key{}, "    a: …"},
		"flow":           {"{kind: Secret, stringData: {a: hunter2}}\n", 1, secret, " …"},
		"json":           {"{\"kind\": \"Secret\", \"data\": {\"a\": \"hunter2\"}}", 1, secret, " …"},
		"json list":      {"{\"kind\": \"List\", \"items\": [{\"kind\":\"Service\"}, {\"kind\": \"Secret\", \"data\": {\"a\": \"hunter2\"}}]}", 1, api.Key{Kind: api.KindService}, " …"},
		"syntax error":   {"kind: Secret\nstringData:\n  a: |\n    hunter2\n", 4, api.Key{}, " …"},
		"unknown":        {"kind: Secert\n# a Secret\nstringData:\n  a: hunter2\n", 4, secret, "  a: …"},
		"two kinds":      {"kind: Service\nkind: Secret\nstringData:\n  a: hunter2\n", 4, api.Key{}, "  a: …"},
		"next document":  {"kind: Secret\nstringData:\n  a: hunter2\n---\nkind: Service\nspec: fine\n", 6, api.Key{}, "spec: fine"},
		"doc before":     {"kind: Service\nspec: fine\n---\nkind: Secret\n", 2, api.Key{}, "spec: fine"},
		"names a Secret": {"kind: Gateway\nspec: fine\nref: {kind: Secret}\n", 2, api.Key{}, "spec: fine"},
	} {
		list := []Finding{{Problem: api.Problem{Object: c.key, Position: api.Position{File: "f", Line: c.line, Column: 1}}}}
		texts(map[string]string{"f": c.text}).Complete(list)
		if s := list[0].Snippet; s == nil || s.Text != c.want {
			t.Errorf("%s: shown %+v, want %q", name, s, c.want)
		}
	}
}

// A line is looked up in any order, and a very long one is shown in part or not at all.
func TestLinesInAnyOrder(t *testing.T) {
	long := strings.Repeat("x", 500) + ": " + strings.Repeat("y", 500)
	files := map[string]string{"a": "one\ntwo\r\n---\nfour", "b": long + "\n" + strings.Repeat("z", maxLine+1)}
	list := []Finding{}
	for _, at := range []api.Position{{File: "a", Line: 4, Column: 1}, {File: "a", Line: 1, Column: 2}, {File: "a", Line: 2}, {File: "a", Line: 5}, {File: "b", Line: 1, Column: 501}, {File: "b", Line: 2}} {
		list = append(list, Finding{Problem: api.Problem{Position: at}})
	}
	texts(files).Complete(list)
	for i, want := range []string{"four", "one", "two", "", strings.Repeat("x", 60) + ": " + strings.Repeat("y", 98), ""} {
		got := ""
		if list[i].Snippet != nil {
			got = list[i].Snippet.Text
		}
		if got != want {
			t.Errorf("%v: %q, want %q", list[i].Position, got, want)
		}
	}
	if s := list[4].Snippet; s.Column != 441 || s.Start != 60 || s.End <= s.Start || s.End > 160 {
		t.Errorf("%+v", s)
	}
}

// Nothing in a file, its name or a message steers the terminal.
func TestTextIsPrintable(t *testing.T) {
	p := problem("a\x1b[2J\n.yaml", 1, 1, "spec.\x1b[0m", api.ReasonInvalidField)
	p.Message, p.Hint, p.Object.Name = "a\nb\x07", "c\u202ed", "\x9bX"
	got := text(t, map[string]string{p.Position.File: "x\x1b]0;title\x07: y\u202e"}, Of(p))
	if lines := strings.Count(got, "\n"); lines != 5 {
		t.Errorf("%d lines:\n%q", lines, got)
	}
	if strings.ContainsAny(got, "\x1b\x07\u202e\u009b") {
		t.Errorf("%q", got)
	}
}

// A name may be as large as a file; nobody reads that.
func TestTextOfLargeNames(t *testing.T) {
	long := strings.Repeat("ä", 1<<16)
	p := problem("a.yaml", 1, 1, long, api.ReasonInvalidName)
	p.Message, p.Object.Name = long, long
	got := text(t, map[string]string{"a.yaml": "x: y"}, Of(p))
	if len(got) > 4*mostShown || !strings.Contains(got, "ä… (131072 bytes)") {
		t.Errorf("%d bytes are shown: %.2000s", len(got), got)
	}
}

func TestColor(t *testing.T) {
	var b bytes.Buffer
	err := Write(&b, "text", &Report{Findings: []Finding{Of(problem("a", 1, 1, "", api.ReasonInvalidField))}}, Options{Color: true})
	if err != nil || !strings.Contains(b.String(), "\x1b[1;31merror\x1b[0m") {
		t.Errorf("%v %q", err, b.String())
	}
}
