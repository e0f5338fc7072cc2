package findings

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
)

func none(api.Reason) bool { return false }

// at is a finding about an object in a line.
func at(reason api.Reason, line int) Finding {
	p := problem("f.yaml", line, 1, "", reason)
	p.Severity = api.Warning
	return Of(p)
}

func TestSuppression(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		silent []int // lines where InvalidField is silenced
		wrong  string
	}{
		"document":                  {"# gateway-cp:ignore InvalidField why\nkind: A\nb: c\n---\nkind: B\n", []int{1, 2, 3}, ""},
		"document after the marker": {"kind: A\n---\n# other\n# gateway-cp:ignore InvalidField why\n\nkind: B\nx: y\n---\nkind: C\n", []int{2, 3, 4, 5, 6, 7}, ""},
		"on the marker":             {"kind: A\n--- # gateway-cp:ignore InvalidField why\nkind: B\n", []int{2, 3}, ""},
		"comments before a marker":  {"# gateway-cp:ignore InvalidField why\n---\nkind: B\n", []int{1, 2, 3}, ""},
		"line before":               {"kind: A\n  # gateway-cp:ignore InvalidField why\n\n  # more\n  b: c\n  d: e\n", []int{5}, ""},
		"end of line":               {"kind: A\nb: c # gateway-cp:ignore InvalidField why\nd: e\n", []int{2}, ""},
		"CRLF":                      {"kind: A\r\nb: c # gateway-cp:ignore InvalidField why\r\nd: e\r\n", []int{2}, ""},
		"after a quote":             {"kind: A\nb: \"c # d\" # gateway-cp:ignore InvalidField why\n", []int{2}, ""},
		"after an apostrophe":       {"kind: A\nb: it's # gateway-cp:ignore InvalidField why\n", []int{2}, ""},
		"two reasons":               {"kind: A\nb: c # gateway-cp:ignore UnknownField,InvalidField why\n", []int{2}, "UnusedSuppression 2"},
		"in a text":                 {"kind: A\nb: \"# gateway-cp:ignore InvalidField why\"\nc: 'x # gateway-cp:ignore InvalidField why'\n", nil, ""},
		"in a block":                {"kind: A\nb: |\n  # gateway-cp:ignore InvalidField why\n\n  x\nc: d\n", nil, ""},
		"in a block of a list":      {"kind: A\nl:\n- b: >-\n    # gateway-cp:ignore InvalidField why\n  c: d # gateway-cp:ignore InvalidField why\n", []int{5}, ""},
		"part of a word":            {"kind: A\nb: c# gateway-cp:ignore InvalidField why\nc: d # gateway-cp:ignored InvalidField why\n", nil, ""},
		"no reason":                 {"kind: A\nb: c # gateway-cp:ignore\n", nil, "InvalidSuppression 2"},
		"no why":                    {"kind: A\nb: c # gateway-cp:ignore InvalidField  \n", nil, "InvalidSuppression 2"},
		"misspelt":                  {"kind: A\nb: c # gateway-cp:ignore InvalidFeild why\n", nil, "InvalidSuppression 2 did you mean InvalidField?"},
		"not to be ignored":         {"# gateway-cp:ignore InvalidYAML why\nkind: A\n", nil, "InvalidSuppression 1"},
		"unused":                    {"# gateway-cp:ignore MissingField why\nkind: A\n", nil, "UnusedSuppression 1"},
		"nothing after it":          {"kind: A\n# gateway-cp:ignore InvalidField why\n---\nkind: B\n", nil, "UnusedSuppression 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var n Notes
			n.ReadFile("f.yaml", []byte(c.text))
			var list []Finding
			for line := range strings.Count(c.text, "\n") {
				list = append(list, at(api.ReasonInvalidField, line+1))
			}
			kept, silenced := n.Apply(list)
			for _, f := range list {
				want := !slices.Contains(c.silent, f.Position.Line)
				if got := slices.ContainsFunc(kept, func(k Finding) bool { return k.Position == f.Position }); got != want {
					t.Errorf("line %d is shown: %v", f.Position.Line, got)
				}
			}
			if silenced != len(c.silent) {
				t.Errorf("silenced %d", silenced)
			}
			var wrong []string
			for _, p := range n.Problems(none) {
				wrong = append(wrong, strings.TrimSpace(fmt.Sprint(p.Reason, " ", p.Position.Line)))
				if h, ok := strings.CutPrefix(c.wrong, wrong[0]+" "); ok && p.Hint != h {
					t.Errorf("hint %q", p.Hint)
				}
			}
			if got := strings.Join(wrong, ","); !strings.HasPrefix(c.wrong, got) || got == "" && c.wrong != "" {
				t.Errorf("said %q, want %q", got, c.wrong)
			}
		})
	}
}

func TestAnnotation(t *testing.T) {
	var n Notes
	web := api.Key{Kind: api.KindService, Name: "web"} // the namespace is not written
	n.ReadAnnotation(web, "InvalidField why; UnknownField why\nMissingField", api.Position{File: "f.yaml", Line: 9})
	other := at(api.ReasonInvalidField, 1)
	other.Object.Name = "other"
	elsewhere := at(api.ReasonInvalidField, 1)
	elsewhere.Position.File = "g.yaml"
	kept, silenced := n.Apply([]Finding{at(api.ReasonInvalidField, 3), other, elsewhere})
	if silenced != 1 || len(kept) != 2 {
		t.Errorf("silenced %d, kept %v", silenced, kept)
	}
	var said []string
	for _, p := range n.Problems(none) {
		said = append(said, string(p.Reason)+" "+p.Position.String())
	}
	if got := strings.Join(said, ", "); got != "InvalidSuppression f.yaml:9, UnusedSuppression f.yaml:9" {
		t.Error(got)
	}
	if left := n.Problems(func(api.Reason) bool { return true }); len(left) != 1 {
		t.Errorf("what was not looked for is called unused: %v", left)
	}
}

// The templates that helm names are found for every document.
func TestSourceOfHelm(t *testing.T) {
	var n Notes
	n.ReadFile("-", []byte("---\n# Source: shop/templates/a.yaml\nkind: A\nx: y\n---\n# Source: shop/charts/c/templates/b.yaml\nkind: B\n---\nkind: C\n# Source: not/one.yaml\n"))
	for line, want := range map[int]string{1: "shop/templates/a.yaml", 4: "shop/templates/a.yaml", 7: "shop/charts/c/templates/b.yaml", 8: "", 9: "", 100: "", 0: ""} {
		if got := n.Source(api.Position{File: "-", Line: line}); got != want {
			t.Errorf("line %d: %q, want %q", line, got, want)
		}
	}
}

func TestSeverities(t *testing.T) {
	s := Severities{}
	for text, wrong := range map[string]string{
		"InvalidField=warning": "", "MissingField = off": "", "UnknownField=info": "", "InvalidYAML=error": "",
		"InvalidField": "write it as", "InvalidFeild=off": "did you mean InvalidField", "InvalidField=of": "must be one of error, warning, info, off",
		"InvalidYAML=warning": "always an error", "Zzz=off": "help reason",
	} {
		if err := s.Set(text); (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got := s.String(); got != "InvalidField=warning,InvalidYAML=error,MissingField=off,UnknownField=info" {
		t.Error(got)
	}
	out := s.Apply([]Finding{at(api.ReasonInvalidField, 1), at(api.ReasonMissingField, 2), at(api.ReasonUnknownField, 3), at(api.ReasonInvalidName, 4)})
	errors, warnings, infos := Count(out)
	if len(out) != 3 || errors != 0 || warnings != 2 || infos != 1 {
		t.Errorf("%v", out)
	}
}

// A baseline silences what it was written of, and nothing else.
func TestBaseline(t *testing.T) {
	list := []Finding{at(api.ReasonInvalidField, 1), at(api.ReasonMissingField, 2), at(api.ReasonInvalidYAML, 3)}
	Fingerprints(list)
	var b strings.Builder
	written, err := WriteBaseline(&b, list)
	if err != nil || written != 2 {
		t.Fatal(written, err)
	}
	baseline, err := ReadBaseline([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	now := []Finding{at(api.ReasonInvalidField, 100), at(api.ReasonInvalidName, 2), at(api.ReasonInvalidYAML, 3)}
	Fingerprints(now)
	fresh, known, stale := baseline.Apply(now)
	if len(fresh) != 2 || known != 1 || stale != 1 {
		t.Errorf("fresh %v, known %d, stale %d", fresh, known, stale)
	}
	for _, bad := range []string{"", "{}", "[]", `{"gatewayCPBaseline": 2}`, "kind: Service"} {
		if _, err := ReadBaseline([]byte(bad)); err == nil {
			t.Errorf("%q is read as a baseline", bad)
		}
	}
	again, err := WriteBaseline(&strings.Builder{}, nil)
	if again != 0 || err != nil {
		t.Error(again, err)
	}
}

// Notes cost about as much as reading the text, however many there are.
func TestManyNotes(t *testing.T) {
	var b strings.Builder
	const many = 50_000
	for range many {
		b.WriteString("---\n# Source: a\n# gateway-cp:ignore InvalidField why\nkind: A\nb: c # gateway-cp:ignore MissingField why\n")
	}
	var n Notes
	started := time.Now()
	n.ReadFile("f.yaml", []byte(b.String()))
	var list []Finding
	for i := range many {
		list = append(list, at(api.ReasonInvalidField, 5*i+4), at(api.ReasonMissingField, 5*i+5))
	}
	kept, silenced := n.Apply(list)
	if len(kept) != 0 || silenced != 2*many {
		t.Errorf("kept %d, silenced %d", len(kept), silenced)
	}
	t.Log(time.Since(started))
}

// An object with an error is not looked at together with others, so nobody knows whether what is
// silenced would be found: that is not called unused.
func TestNothingIsUnusedBesideAnError(t *testing.T) {
	var n Notes
	n.ReadFile("f.yaml", []byte("# gateway-cp:ignore SelectorMatchesNone why\nkind: A\nb: c # gateway-cp:ignore InvalidName why\n---\n# gateway-cp:ignore InvalidName why\nkind: B\n"))
	web := api.Key{Kind: api.KindService, Name: "web"}
	n.ReadAnnotation(web, "PortNotFound why", api.Position{File: "f.yaml", Line: 9})
	n.Apply([]Finding{Of(problem("f.yaml", 2, 1, "", api.ReasonUnknownField))})
	if got := n.Problems(none); len(got) != 1 || got[0].Position.Line != 5 {
		t.Errorf("%v", got)
	}
}
