package files

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
)

// read decodes a text as the file f.yaml.
func read(text string) (keys []string, problems []api.Problem) {
	d := decode(&fileRef{name: "f.yaml"}, []byte(text), visitor{})
	problems = slices.Clone(d.problems)
	for _, e := range d.entries {
		if e.value != nil {
			keys = append(keys, e.key.String())
		}
		problems = append(problems, e.problems...)
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return keys, problems
}

func TestDecodeForms(t *testing.T) {
	one := services("one")
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(one), "\n", "\n  ") + "\n- kind: Service\n  apiVersion: v1\n  metadata: {name: two}\n  spec: {ports: [{port: 80}]}\n"
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"one document":            {one, "one"},
		"several":                 {services("one", "two"), "one two"},
		"marker first and last":   {"---\n" + one + "---\n", "one"},
		"CRLF":                    {strings.ReplaceAll(services("one", "two"), "\n", "\r\n"), "one two"},
		"UTF-8 byte order mark":   {"\xef\xbb\xbf" + one, "one"},
		"UTF-16":                  {wide(one, binary.LittleEndian), "one"},
		"UTF-16 big-endian":       {wide(one, binary.BigEndian), "one"},
		"directive":               {"%YAML 1.1\n---\n" + one, "one"},
		"end markers":             {one + "...\n" + services("two") + "...\n", "one two"},
		"comments between":        {"# a\n---\n# b\n---\n" + one + "---\n# c\n", "one"},
		"empty":                   {"", ""},
		"only comments":           {"# nothing\n\n---\n# here\n", ""},
		"null":                    {"null\n---\n~\n", ""},
		"List":                    {list, "one two"},
		"List in a List":          {"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service, metadata: {name: in}, spec: {ports: [{port: 1}]}}]}]", "in"},
		"typed list":              {"apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: x}\n  spec: {ports: [{port: 80}]}\n", "x"},
		"empty List":              {"apiVersion: v1\nkind: List\nitems: []\n", ""},
		"JSON":                    {`{"apiVersion":"v1","kind":"Service","metadata":{"name":"j"},"spec":{"ports":[{"port":80}]}}`, "j"},
		"JSON with tabs":          {"{\n\t\"apiVersion\":\"v1\",\n\t\"kind\":\"Service\",\n\t\"metadata\":{\"name\":\"j\",\"annotations\":{\"a\":\"\\ud83d\\ude00\\/\"}},\n\t\"spec\":{\"ports\":[{\"port\":80}]}\n}", "j"},
		"JSON in a row":           {`{"apiVersion":"v1","kind":"Service","metadata":{"name":"j"},"spec":{"ports":[{"port":80}]}}{"apiVersion":"v1","kind":"Service","metadata":{"name":"k"},"spec":{"ports":[{"port":80}]}}`, "j k"},
		"flow YAML":               {"{apiVersion: v1, kind: Service, metadata: {name: f}, spec: {ports: [{port: 80}]}}", "f"},
		"marker within a value":   {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: |\n    x\n    ---\n    y\n", "c"},
		"anchors and merge keys":  {"apiVersion: v1\nkind: Service\nmetadata: {name: m, labels: &l {a: b}}\nspec:\n  selector: {<<: *l, c: d}\n  ports: [{port: 80}]\n", "m"},
		"times stay text":         {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t, creationTimestamp: 2026-01-02T03:04:05Z}\ndata: {a: 2026-01-02}\n", "t"},
		"an empty kustomization":  {"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n", ""},
		"older version of a kind": {"apiVersion: gateway.networking.k8s.io/v1beta1\nkind: GatewayClass\nmetadata: {name: g}\nspec: {controllerName: gateway-cp.io/gateway}\n", "g"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, problems := read(test.text)
			var names []string
			for _, key := range keys {
				names = append(names, key[strings.LastIndexAny(key, "/ ")+1:])
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, p := range problems {
				if p.Severity == api.Error {
					t.Error(p)
				}
			}
		})
	}
}

func wide(text string, order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// Every problem has the place that a person would look at, and says what to do.
func TestDecodeProblems(t *testing.T) {
	head := "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
	for name, test := range map[string]struct{ text, want string }{
		"unknown field":         {head + "spec:\n  prots:\n  - port: 80\n", `f.yaml:6:3: error: Service default/web: spec.prots: unknown field "prots" (did you mean "ports"?) [UnknownField]`},
		"wrong case":            {head + "spec:\n  Ports:\n  - port: 80\n", `f.yaml:6:3: error: Service default/web: spec.Ports: unknown field "Ports" (did you mean "ports"?) [UnknownField]`},
		"indented too little":   {head + "spec:\n  ports: [{port: 80}]\nselector: {a: b}\n", `f.yaml:7:1: error: Service default/web: selector: unknown field "selector" (it is a field of spec: check the indentation) [UnknownField]`},
		"indented too much":     {head + "spec:\n  ports:\n  - port: 80\n    selector: {a: b}\n", `f.yaml:8:5: error: Service default/web: spec.ports[0].selector: unknown field "selector" (it is a field of spec: check the indentation) [UnknownField]`},
		"number for text":       {head + "  labels: {a.b/c: 1}\nspec: {ports: [{port: 80}]}\n", `f.yaml:5:12: error: Service default/web: metadata.labels[a.b/c]: expected a string, found the number 1 (put the value in quotes) [InvalidField]`},
		"Norway":                {head + "  labels:\n    country: no\nspec: {ports: [{port: 80}]}\n", `f.yaml:6:5: error: Service default/web: metadata.labels.country: expected a string, found the boolean false (YAML reads no as false: quote it) [InvalidField]`},
		"text for number":       {head + "spec:\n  ports:\n  - port: http\n", `f.yaml:7:5: error: Service default/web: spec.ports[0].port: expected a whole number, found the string "http" [InvalidField]`},
		"map for list":          {head + "spec:\n  ports:\n    port: 80\n", `f.yaml:6:3: error: Service default/web: spec.ports: expected a list, found a map [InvalidField]`},
		"number too large":      {head + "spec:\n  ports:\n  - port: 99999999999\n", `f.yaml:7:5: error: Service default/web: spec.ports[0].port: expected a whole number of at most 32 bits, found the number 99999999999 [InvalidField]`},
		"set twice":             {head + "spec:\n  ports: [{port: 80}]\n  ports: [{port: 81}]\n", `f.yaml:7:3: error: Service default/web: spec.ports: field "ports" is set twice, first in line 6 (remove one of them) [InvalidYAML]`},
		"two in one":            {head + "apiVersion: v1\n", `f.yaml:5:1: error: Service default/web: apiVersion: field "apiVersion" is set twice, first in line 1 (put a line --- between two objects, or remove one of them) [InvalidYAML]`},
		"set twice in JSON":     {"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\"},\n \"spec\": {\"ports\": [{\"port\": 80}]},\n \"spec\": {}}", `f.yaml:3:2: error: Service default/web: spec: field "spec" is set twice, first in line 2 (remove one of them) [InvalidYAML]`},
		"no kind":               {"\n\nmetadata: {name: web}\n", `f.yaml:3:1: error: kind: kind is required (say what the object is, such as kind: Service) [MissingField]`},
		"no apiVersion":         {"kind: HTTPRoute\nmetadata: {name: web}\n", `f.yaml:1:1: error: apiVersion: apiVersion is required (use gateway.networking.k8s.io/v1) [MissingField]`},
		"no name":               {"apiVersion: v1\nkind: Service\nmetadata: {}\nspec: {ports: [{port: 80}]}\n", `f.yaml:3:1: error: Service default/: metadata.name: is required (give the object a name) [MissingField]`},
		"unknown kind":          {"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: x}\n", `f.yaml:3:1: warning: Deployment x/web: kind: kind Deployment of apps/v1 is not read by gateway-cp [UnknownKind]`},
		"another's kind":        {"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web}\n", `f.yaml:2:1: warning: Service web: kind: kind Service of serving.knative.dev/v1 is not read by gateway-cp [UnknownKind]`},
		"unknown version":       {"apiVersion: v2\nkind: Service\nmetadata: {name: web}\n", `f.yaml:1:1: warning: Service web: apiVersion: kind Service of v2 is not read by gateway-cp (for Service, apiVersion v1 is) [UnknownKind]`},
		"old version":           {"apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\nmetadata: {name: web}\n", `f.yaml:1:1: warning: HTTPRoute web: apiVersion: kind HTTPRoute of gateway.networking.k8s.io/v1alpha2 is not read by gateway-cp (for HTTPRoute, apiVersion gateway.networking.k8s.io/v1 is) [UnknownKind]`},
		"just text":             {"hello world\n", `f.yaml:1:1: error: expected an object, found text (an object begins with apiVersion and kind) [MissingField]`},
		"bad in a List":         {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n  spec:\n    prots: []\n    ports: [{port: 1}]\n", `f.yaml:8:5: error: Service default/a: spec.prots: unknown field "prots" (did you mean "ports"?) [UnknownField]`},
		"JSON without a comma":  {"{\"apiVersion\": \"v1\",\n \"kind\": \"Service\"\n \"metadata\": {}}\n", `f.yaml:3:2: error: invalid character '"' after object key:value pair (put a comma before it, or close the bracket) [InvalidYAML]`},
		"JSON cut off":          {"{\"apiVersion\": \"v1\",\n \"kind\": [\n\n", `f.yaml:2:11: error: unexpected end of JSON input (the file ends before all brackets and quotes are closed) [InvalidYAML]`},
		"JSON with a bad word":  {"{\"a\": 1}\n  {\"b\": yes}\n", `f.yaml:2:9: error: invalid character 'y' looking for beginning of value (JSON has no comma before a closing bracket, and its text is in double quotes) [InvalidYAML]`},
		"no is false":           {"apiVersion: v1\nkind: Service\nmetadata:\n  name: n\nspec: {ports: [{port: 80}]}\n", `f.yaml:4:3: error: Service default/: metadata.name: expected a string, found the boolean false (YAML reads n as false: quote it) [InvalidField]`},
		"octal":                 {"apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {mode: 0777}}\nspec: {ports: [{port: 80}]}\n", `f.yaml:3:32: error: Service default/web: metadata.labels.mode: expected a string, found the number 511 (YAML reads 0777 as 511: quote it) [InvalidField]`},
		"tab":                   {"a: 1\nb:\n\tc: 2\n", `f.yaml:3:2: error: found character that cannot start any token (YAML is indented with spaces, not with tabs) [InvalidYAML]`},
		"bad indentation":       {services("one") + "---\nkind: Service\nmetadata:\n    name: x\n  labels: {}\n", `f.yaml:13:3: error: did not find expected key (check the indentation of this line and the one before) [InvalidYAML]`},
		"open quote":            {"a: 1\nb: \"x\nc: 2\nd: 3\n", `f.yaml:2:1: error: found unexpected end of stream (fix the YAML syntax) [InvalidYAML]`},
		"NUL":                   {"a: 1\nb: \x00\n", `f.yaml:2:4: error: control character 0x00: this is not a text file (remove the character, or the file) [InvalidYAML]`},
		"Latin-1":               {"a: 1\nb: f\xfcr\n", `f.yaml:2:5: error: byte 0xfc is not UTF-8 text (save the file as UTF-8) [InvalidYAML]`},
		"odd UTF-16":            {"\xff\xfea", `f.yaml:1:1: error: the file says that it is UTF-16, but ends within a character (save it as UTF-8) [InvalidYAML]`},
		"unknown anchor":        {"a: 1\nb: *c\n", `f.yaml:2:1: error: unknown anchor 'c' referenced (define the anchor (&name) before it is used) [InvalidYAML]`},
		"infinity":              {head + "spec:\n  ports: [{port: .inf}]\n", `f.yaml:6:18: error: Service default/web: spec.ports[0].port: .inf is not a number that JSON knows (quote it if it is meant as text) [InvalidYAML]`},
		"an anchor in itself":   {head + "spec: &a\n  selector: *a\n", `f.yaml:6:13: error: Service default/web: spec.selector: anchor a contains itself (write the value out) [InvalidYAML]`},
		"admission has a place": {head + "spec:\n  ports:\n  - port: 80\n  - port: 70000\n    name: x\n", `f.yaml:8:5: error: Service default/web: spec.ports[1].port:`},
		"a duration":            {"apiVersion: gateway-cp.io/v1alpha1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  drainTime: 10 minutes\n", `f.yaml:5:3: error: Fleet f: spec.drainTime: "10 minutes" is not a duration (write it as in 30s or 1h30m)`},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := read(test.text)
			for _, p := range problems {
				if p.Position.File != "f.yaml" || p.Position.Line == 0 || p.Position.Column == 0 {
					t.Errorf("no position: %s", p)
				}
				if strings.HasPrefix(p.String(), test.want) {
					return
				}
			}
			t.Errorf("no problem %s\ngot: %v", test.want, problems)
		})
	}
}

// All that is wrong with an object is told at once, and nothing twice.
func TestAllProblemsAtOnce(t *testing.T) {
	problems := func(spec string) (reasons []string) {
		text := "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: " + spec + "\n"
		for _, e := range decode(&fileRef{name: "f.yaml"}, []byte(text), visitor{}).entries {
			for _, p := range e.problems {
				reasons = append(reasons, fmt.Sprintf("%s %s", p.Path, p.Reason))
			}
		}
		return reasons
	}
	for spec, want := range map[string][]string{
		"{selektor: {a: b}, ports: [{port: 0}]}": {"spec.selektor UnknownField", "spec.ports[0].port InvalidField"},
		"{ports: [{prot: 80}]}":                  {"spec.ports[0].prot UnknownField"},
		"{ports: [{port: many, prot: 80}]}":      {"spec.ports[0].port InvalidField", "spec.ports[0].prot UnknownField"},
	} {
		if got := problems(spec); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", spec, got, want)
		}
	}
}

// What a Secret holds is in no problem, however wrong it is.
func TestSecretsAreNotShown(t *testing.T) {
	for _, data := range []string{"data: {k: hunter2!}", "data: {k: 90210}", "stringData: {k: 90210}", "data: [hunter2]", "data: hunter2", "stringData: {k: *hunter2}", "stringData: {k: !!int hunter2}", "type: 90210"} {
		_, problems := read("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n" + data + "\n")
		if len(problems) == 0 {
			t.Errorf("%s: no problem", data)
		}
		for _, p := range problems {
			if s := p.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "90210") {
				t.Errorf("%s: %s", data, s)
			}
		}
	}
}

// cpuTime is how long this process has computed: other than the clock, it knows nothing of what else
// the machine does.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Text that explodes is refused quickly; text that only repeats itself is not.
func TestBombs(t *testing.T) {
	laughs := "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for c := 'b'; c <= 'z'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	merges := "a: &a {" + strings.TrimSuffix(strings.Repeat("k%d: 1, ", 300), ", ") + "}\n"
	for i := range 300 {
		merges = strings.Replace(merges, "%d", fmt.Sprint(i), 1)
	}
	merges += "b: {<<: [" + strings.TrimSuffix(strings.Repeat("*a, ", 20000), ", ") + "]}\n"
	// What a harmless document costs here and now: a bomb may not cost much more for its size.
	harmless := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
	for i := range 20_000 {
		harmless += fmt.Sprintf("  k%d: v\n", i)
	}
	begin := cpuTime(t)
	if objects, problems := read(harmless); len(objects) != 1 || len(problems) != 0 {
		t.Fatalf("the harmless document: %d objects, %v", len(objects), problems)
	}
	perByte := (cpuTime(t) - begin) / time.Duration(len(harmless))
	for name, text := range map[string]string{
		"billion laughs": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" + laughs,
		"merge keys":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" + merges,
		"deep flow":      strings.Repeat("[", 100_000),
		"deep JSON":      strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		"deep block":     strings.Repeat("- ", 20_000),
		"many junk":      strings.Repeat("---\na: [\n", 100_000),
		"many fields":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n" + strings.Repeat("  a: b\n", 200_000),
		"one long line":  "{\"a\":[" + strings.Repeat("1,", 500_000) + "1],\"b\":1,\"b\":2,\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}",
		"deep, closed":   "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			begin := cpuTime(t)
			_, problems := read(text)
			bound := 30*perByte*time.Duration(len(text)) + time.Second
			if took := cpuTime(t) - begin; took > bound {
				t.Errorf("took %v, more than %v", took, bound)
			}
			if !slices.ContainsFunc(problems, func(p api.Problem) bool { return p.Reason == api.ReasonInvalidYAML }) {
				t.Errorf("got %v", problems)
			}
			if len(problems) > 2000 {
				t.Errorf("%d problems", len(problems))
			}
		})
	}
	keys, problems := read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: &a " + strings.Repeat("x", 1000) + "\n  b: *a\n  c: *a\n")
	if len(keys) != 1 || len(problems) != 0 {
		t.Errorf("harmless anchors: %v %v", keys, problems)
	}
}

// Scalars mean what they mean to Kubernetes.
func TestScalarsAsKubernetes(t *testing.T) {
	for _, s := range []string{
		"yes", "No", "on", "OFF", "y", "n", "true", "True", "null", "~", "", "0777", "0o17", "0x1F", "0b101", "1_000", "+1", "-0", "1.0", "1e3", "1.5e300", "6.02e23",
		".5", "+.5", "-.5", "1.", "0.1", "12:30", "2026-01-02", "2026-01-02T03:04:05Z", "1.2.3", "v1", "'1'", `"no"`, "18446744073709551615", "99999999999999999999",
		"-9223372036854775808", "!!str 1", "!!float 1", "!custom 1", "!!binary aGk=", "a b", "08", "0_8", "_1", "NULL", "nan", "inf", "Infinity", ".", "..", "1-1", "0x", "1e", "e1", "=", "1,000",
	} {
		want, err := kyaml.YAMLToJSON([]byte("k: " + s + "\n"))
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		docs, bad := parse([]byte("k: "+s+"\n"), segment{length: len(s) + 4, line: 1})
		if bad != nil || len(docs) != 1 || len(docs[0].errs) != 0 {
			t.Fatalf("%q: %v %v", s, bad, docs)
		}
		got, _ := docs[0].root.appendJSON(nil, 1000)
		if !sameJSON(got, want) {
			t.Errorf("%q is %s, and to Kubernetes %s", s, got, want)
		}
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func TestMergeKeys(t *testing.T) {
	text := "base: &b {a: 1, b: 2}\nother: &o {a: 9, c: 3}\nx: {<<: *b, b: 5}\nw: {b: 5, <<: *b}\nz: {<<: [*b, *o]}\nq: {\"<<\": 1}\n"
	docs, _ := parse([]byte(text), segment{length: len(text), line: 1})
	got, _ := docs[0].root.appendJSON(nil, 1000)
	want := `{"base":{"a":1,"b":2},"other":{"a":9,"c":3},"x":{"a":1,"b":5},"w":{"a":1,"b":5},"z":{"a":1,"b":2,"c":3},"q":{"<<":1}}`
	if !sameJSON(got, []byte(want)) || len(docs[0].errs) != 0 {
		t.Errorf("got %s %v", got, docs[0].errs)
	}
}

// FuzzDecode: whatever the bytes, decoding ends in time and never panics; every object and
// every place is sound; and what is admitted can be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(services("one", "two")))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [{kind: Service, apiVersion: v1, metadata: {name: a}}]\n"))
	f.Add([]byte(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"j"}}{"a":1}`))
	f.Add([]byte("a: &a [*a]\nb: {<<: *a}\n"))
	f.Add([]byte("\xff\xfea\x00:\x00"))
	f.Add([]byte("%YAML 1.1\n---\n? [a]\n: b\n...\n--- |\n x\n"))
	f.Add([]byte("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {targetRef: {kind: Service, name: w}, traffic: {blue: 95, green: 5}}\n"))
	f.Add([]byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: !!binary aGk=}\nstringData: {b: \"\\ud83d\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		begin := time.Now()
		d := decode(&fileRef{name: "f.yaml", data: data}, data, visitor{documents: true})
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("took %v", took)
		}
		for _, p := range d.problems {
			if p.Position.Line < 1 || p.Position.Column < 1 || p.Message == "" {
				t.Fatalf("no place or message: %+v", p)
			}
		}
		for _, e := range d.entries {
			checkEntry(t, e)
		}
	})
}

// FuzzReadAsKubernetes: where Kubernetes can read the YAML, we read the same. It holds two
// parsers against each other, so it may still find a difference in what nobody writes.
func FuzzReadAsKubernetes(f *testing.F) {
	f.Add([]byte(services("one", "two")))
	f.Add([]byte("22222222222222222222: a\n1e7: b\n")) // keys that are floats, though they look whole in JSON
	f.Add([]byte("10E0088: a\n-1e39: b\n"))            // keys beyond a float32
	f.Add([]byte("a: [on, 0x1F, 0o17, 1_000, .5, ~, 2001-01-01]\n? 08\n: yes\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) <= 1<<16 {
			checkAsKubernetes(t, data)
		}
	})
}

func checkEntry(t *testing.T, e entry) {
	for _, p := range e.problems {
		if p.Position.Line < 1 || p.Position.Column < 1 {
			t.Fatalf("no place: %+v", p)
		}
	}
	if e.value == nil {
		return
	}
	if at := newOrigin(e.place).At("metadata.name"); at.Line < e.place.line {
		t.Fatalf("%s is at %s, its name at %s", e.key, e.place.start(), at)
	}
	for _, again := range [][]byte{e.doc, mustJSON(t, e.value)} {
		var info api.KindInfo
		for _, k := range api.Kinds() {
			if k.Kind == e.key.Kind {
				info = k
			}
		}
		for _, p := range admitJSON(nil, again, info.New(), e.key) {
			if p.Severity == api.Error {
				t.Fatalf("admitted once, but not again: %s\n%s", p, again)
			}
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkAsKubernetes compares a single YAML document with sigs.k8s.io/yaml.
// Its parser (v2) puts merged fields over own ones and reads an empty first document alone, and
// ours (v3) forgets the tag "!": these aside.
func checkAsKubernetes(t *testing.T, data []byte) {
	text, bad := charsetOf(data).text(data)
	if bad != nil {
		return
	}
	segments := split(text)
	if len(segments) != 1 || segments[0].json {
		return
	}
	docs, bad := parse(text, segments[0])
	if bad != nil || len(docs) != 1 || len(docs[0].errs) > 0 || strings.Contains(string(text), "<<") || strings.Contains(string(text), "!") || strings.Contains(string(text), "\n---") {
		return
	}
	var probe yaml.Node
	if yaml.Unmarshal(text, &probe) != nil {
		return
	}
	want, err := kyaml.YAMLToJSON(text)
	if err != nil {
		return
	}
	got, err := docs[0].root.appendJSON(nil, 1<<20)
	if err == nil && json.Valid(got) && !sameJSON(got, want) {
		t.Fatalf("%q is %s, and to Kubernetes %s", text, got, want)
	}
	if err == nil && !json.Valid(got) {
		t.Fatalf("%q becomes invalid JSON: %s", text, got)
	}
}
