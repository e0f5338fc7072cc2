package policy

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/traffic"
	"github.com/gateway-cp/gateway-cp/translator"
)

const manifests = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: web}
spec: {gatewayClassName: gateway-cp, listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: web}
spec:
  parentRefs: [{name: public}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /split}}]
    backendRefs: [{name: cart, port: 80, weight: 3}, {name: shop, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /old}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: in.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}]
    backendRefs: [{name: shop, port: 80}]
    timeouts: {request: 90s}
  - matches: [{path: {type: Exact, value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example.com, statusCode: 302}}]
  - matches: [{path: {type: PathPrefix, value: /copied}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: admin, port: 80}}}]
    backendRefs: [{name: shop, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /gone}}]
    backendRefs: [{name: none, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: web}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: web}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: admin, namespace: web}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: web}
spec: {selector: {app: none}, ports: [{port: 80}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: cart, namespace: web, labels: {app: cart}}
spec: {addresses: [10.0.0.1]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: shop, namespace: web, labels: {app: shop}}
spec: {addresses: [10.0.0.2]}
`

func newWorld(t *testing.T) *World {
	t.Helper()
	loaded, err := files.Load(files.LoadOptions{Contents: map[string][]byte{"m.yaml": []byte(manifests)}})
	if err != nil || len(loaded.Problems) > 0 {
		t.Fatal(err, loaded.Problems)
	}
	tr := translator.New()
	var changes []translator.Change
	for _, o := range loaded.Objects {
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	tr.Apply(changes)
	m, err := traffic.Build(traffic.Snapshot(tr), traffic.Viewer{Fleet: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return &World{
		Models: []*traffic.Model{m}, Now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), // a Friday
		Services: map[string]Service{"web/cart": {Endpoints: 1}, "web/shop": {Endpoints: 1}},
		Rollouts: map[string]Rollout{"web/cart": {Service: "web/cart", Weights: map[string]float64{"v1": 75, "v2": 25}}, "web/twice": {}, "other/twice": {}},
		Ports:    map[string][]string{"web/cart": {"80"}, "web/shop": {"80", "81"}, "web/admin": {"80"}, "web/none": {"80"}, "x/y": nil},
	}
}

// Each kind of expectation can hold and can fail: of each there is one test that does and one that
// does not, with what it says.
func TestExpectationsHoldAndFail(t *testing.T) {
	const to = "request: {url: 'http://shop.example.com/"
	w := newWorld(t)
	for _, c := range []struct{ test, holds, fails, says string }{
		{to + "old/a'}", "service: web/shop", "service: web/cart", "want Service web/cart, but it goes to web/shop:80"},
		{to + "old/a'}", "service: 'web/shop:80'", "service: 'web/shop:81'", "want Service web/shop:81"},
		{to + "split'}", "notService: [web/admin]", "service: web/cart", "but it goes to 75 % web/cart:80, 25 % web/shop:80"},
		{to + "split'}", "weights: {web/cart: 75}", "weights: {web/cart: 74}", "want 74 % for web/cart, got 75 %"},
		{to + "split'}", "weights: {web/cart: {min: 75, max: 75}}", "weights: {web/cart: {max: 74}}", "want 0 to 74 % for web/cart, got 75 %"},
		{to + "split'}", "weights: {web/cart: {is: 70, tolerance: 5}}", "weights: {web/cart: {is: 70, tolerance: 4}}", "want 70 % ± 4"},
		{to + "split'}", "weights: {v2: 0}", "weights: {v2: 1}", "got 0 %"},
		{to + "split'}", "notService: [web/admin]", "notService: [web/admin, web/cart]", "requests go to web/cart:80, which must not be"},
		{to + "split'}", "weights: {web/shop: 25}", "weights: {web/shopp: 0}", "there is no Service web/shopp in the manifests (did you mean web/shop?) [InvalidTest]"},
		{to + "split'}", "notService: ['web/shop:81']", "notService: ['web/shop:82']", "Service web/shop has no port 82 (did you mean web/shop:80?) [InvalidTest]"},
		{to + "split'}", "notService: [web/admin]", "notService: [web/adminn]", "there is no Service web/adminn in the manifests (did you mean web/admin?) [InvalidTest]"},
		{to + "split'}", "weights: {v1: 0}", "weights: {v11: 0}", "there is no version v11: no Rollout has it of a Service that the request goes to"},
		{to + "old'}", "", "weights: {v1: 0}", "there is no version v1: no Rollout has it of a Service that the request goes to"},
		{"forAll: {}", "weights: {v1: 0}", "weights: {v11: 0}", "there is no version v11: no Rollout has it"},
		{"forAll: {}", "", "notService: [web/nobody]", "there is no Service web/nobody in the manifests"},
		{to + "copied'}", "service: web/shop", "notService: [web/admin]", "copies of requests go to web/admin:80"},
		{to + "gone'}", "weights: {web/none: 100}", "service: web/none", "no endpoint is ready"},
		{to + "split'}", "notService: [x/y]", "version: v1", "want version v1"},
		{to + "moved'}", "status: 302", "status: 301", "status: want 301, got 302"},
		{to + "moved'}", "location: 'http://new.example.com/moved'", "location: 'http://new.example.com/'", "got http://new.example.com/moved"},
		{to + "old'}", "notService: [x/y]", "status: 200", "want 200, got none: it goes to web/shop:80"},
		{to + "nowhere'}", "status: 404", "service: web/shop", "it gets an error 404"},
		{to + "nowhere'}", "status: 404", "timeout: 3s", "want 3s, got none"},
		{to + "old/a'}", "host: in.example.com", "host: shop.example.com", "host: want shop.example.com, got in.example.com"},
		{to + "old/a'}", "path: /new/a", "path: /old/a", "path: want /old/a, got /new/a"},
		{to + "old/a'}", "timeout: 90s", "timeout: 91s", "timeout: want 1m31s, got 1m30s"},
		{to + "old/a'}", "attempts: 3", "attempts: 1", "attempts: want 1, got 3"},
		{to + "old/a', method: POST, from: 10.1.2.3, headers: {X-A: b}}", "assert: request.method == 'POST' && request.headers['x-a'] == 'b' && request.client == '10.1.2.3'",
			"assert: request.method == 'GET'", "request.method == 'GET' is false: it goes to web/shop:80"},
		{to + "split'}", "assert: route.services.exists(s, s.service == 'web/cart' && s.percent == 75)", "assert: route.services.all(s, s.service == 'web/cart')", "is false"},
		{to + "split'}", "assert: [route.kind == 'forward', 'true']", "assert: ['true', 'route.nothing == 1']", "cannot be evaluated: no such key: nothing"},
		{"request: {url: 'http://other.example.com/', headers: {Host: shop.example.com}}", "status: 404", "status: 200", "want 200, got 404"},
		{"request: {url: 'http://shop.example.com:81/'}", "", "status: 404", "the request goes nowhere: no listener is on port 81"},
		{"request: {url: 'ftp://shop.example.com'}", "", "status: 404", "the scheme must be http or https"},
		{"request: {url: 'http://shop.example.com', fleet: none}", "", "status: 404", `there is no fleet "none"`},
		{"forAll: {}", "notService: [x/y]", "notService: [web/admin]", "shop.example.com /copied or below it on 0.0.0.0:80: copies"},
		{"forAll: {gateway: web/public, host: shop.example.com, listener: '0.0.0.0:80'}", "assert: route.hosts == ['shop.example.com'] && !route.tls", "assert: route.timeout != 'none'", "is false"},
		{"forAll: {gateway: web/private}", "", "notService: [web/admin]", "there is no such route, so that the test says nothing"},
		{"forAll: {host: x.com}", "", "notService: [web/admin]", "there is no such route"},
		{"forAll: {listener: '0.0.0.0:81'}", "", "notService: [web/admin]", "there is no such route"},
		{"forAll: {services: true}", "notService: [x/y]", "notService: [web/none]", "requests go to web/none:80"},
		{"", "assert: rollout('cart').weights['v2'] <= 25", "assert: rollout('web/cart').weights['v2'] <= 20 || now.getDayOfWeek() != 5", "is false"},
		{"", "assert: now < timestamp('2026-11-28T00:00:00Z')", "assert: rollout('twice').phase == ''", "there are several with the name"},
		{"", "assert: service('shop').endpoints >= 1 && services['web/cart'].endpoints == 1", "assert: service('none').endpoints == 1", `there is no service "none"`},
		{"", "assert: rollouts.all(name, name != '')", "assert: '1 + 1'", "it is a int, not true or false"},
		{"", "assert: \"'a,b'.split(',').size() == 2\"", "assert: 'nobody == 1'", "undeclared reference to 'nobody' (in container '') (at character 1)"},
		{"", "assert: 'true'", "assert: 'request.size() == 0 && [1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, [1,2,3,4,5,6,7,8,9,0].all(d, [1,2,3,4,5,6,7,8,9,0].all(e, [1,2,3,4,5,6,7,8,9,0].all(f, true))))))'", "cost limit exceeded"},
	} {
		run := func(expect string) string {
			text := "apiVersion: test.gateway-cp.io/v1alpha1\nkind: TrafficTest\nmetadata: {name: s}\ntests:\n- name: it\n"
			if c.test != "" {
				text += "  " + c.test + "\n"
			}
			suites, problems := Parse("a.traffictest", []byte(text+"  expect:\n    "+expect+"\n"))
			if len(problems) > 0 {
				t.Fatalf("%s, %s: %v", c.test, expect, problems)
			}
			var said []string
			for _, p := range Run(suites[0].Tests[0], w) {
				if p.Position.File != "a.traffictest" || p.Position.Line < 5 {
					t.Errorf("%s: it is at %s", p, p.Position)
				}
				said = append(said, p.String())
			}
			return strings.Join(said, "\n")
		}
		if c.holds != "" {
			if said := run(c.holds); said != "" {
				t.Errorf("%s, %s: does not hold: %s", c.test, c.holds, said)
			}
		}
		if said := run(c.fails); !strings.Contains(said, c.says) {
			t.Errorf("%s, %s: says %q, not %q", c.test, c.fails, said, c.says)
		}
	}
}

// A file that is wrong is not taken for one without tests, and says where it is wrong, in words for people.
func TestWrongFiles(t *testing.T) {
	const head = "apiVersion: test.gateway-cp.io/v1alpha1\nkind: TrafficTest\nmetadata: {name: s}\n"
	const one = head + "tests: [{name: a, request: {url: x}, expect: "
	for text, want := range map[string]string{
		"":                          ":1: error: there is no test in the file",
		"---\n# none\n---\n":        ":1: error: there is no test in the file",
		"a: [":                      ":1: error: it is not YAML: did not find expected node content",
		"a: b\nc: d: e":             ":2: error: it is not YAML: mapping values are not allowed in this context",
		"[]":                        `apiVersion must be`,
		"kind: Service":             `:1:1: error: apiVersion must be test.gateway-cp.io/v1alpha1 and kind TrafficTest, not "" and "Service"`,
		head:                        ":1:1: error: TrafficTest s: there are no tests in it",
		head + "tests: []":          "there are no tests in it",
		head + "tests: [null]":      ":4:9: error: TrafficTest s: tests[0]: there is no value; {} is one without fields",
		head + "tests: [{name: a}]": ":4:9: error: TrafficTest s: tests[0].expect: a: nothing is expected",
		head + "tests: [{nam: a}]":  ":4:10: error: TrafficTest s: tests[0].nam: there is no field nam here (did you mean name?)",
		head + "tests: 1":           ":4:8: error: TrafficTest s: tests: there must be a list, not a single value",
		head + "tests: [1]":         ":4:9: error: TrafficTest s: tests[0]: there must be a mapping, not a single value",
		head + "extra: 1\ntests: [{name: a, expect: {assert: 'true'}}]":                            ":4:1: error: TrafficTest s: extra: there is no field extra here",
		head + "tests: [{name: a, expect: {service: x}}]":                                          "there is only expect.assert",
		head + "tests: [{expect: {assert: 'true'}}]":                                               "name is required",
		head + "tests: [{name: a, expect: {assert: 'true'}}, {name: a, expect: {assert: 'true'}}]": `:4:53: error: TrafficTest s: tests[1].name: a: there are two tests "a"`,
		head + "tests: [{name: a, request: {}, expect: {status: 1}}]":                              "request.url is required",
		head + "tests: [{name: a, request: {url: x}, forAll: {}, expect: {status: 1}}]":            "not both",
		head + "tests: [{name: a, forAll: , expect: {status: 1}}]":                                 "tests[0].forAll: a: there is no value; {} is one without fields",
		head + "tests: [{name: a, request: {url: x, port: 70000}, expect: {status: 1}}]":           `:4:43: error: TrafficTest s: tests[0].request.port: a: "70000" is not a whole number from 0 to 65535`,
		one + "{service: x}}]":                            `"x" is no Service`,
		one + "{service: [web/a]}}]":                      "tests[0].expect.service: a: there must be a single value, not a list",
		one + "{notService: web/a}}]":                     "tests[0].expect.notService: a: there must be a list, not a single value",
		one + "{notService: [a/b, c]}}]":                  `tests[0].expect.notService[1]: a: "c" is no Service`,
		one + "{status: ok}}]":                            `:4:55: error: TrafficTest s: tests[0].expect.status: a: "ok" is not a whole number`,
		one + "{status: 1, status: 2}}]":                  "tests[0].expect.status: a: it is there twice",
		one + "{timeout: 3}}]":                            `"3" is no time such as 3s`,
		one + "{weights: {v1: many}}}]":                   `:4:61: error: TrafficTest s: tests[0].expect.weights.v1: a: "many" is not a number of percent`,
		one + "{weights: {v1: 101}}}]":                    `"101" is not a number of percent, from 0 to 100`,
		one + "{weights: {v1: .nan}}}]":                   "is not a number of percent",
		one + "{weights: {v1: {is: 1, max: 2}}}}]":        "a weight is a number, or has is and tolerance",
		one + "{weights: {v1: {min: 30, max: 20}}}}]":     ":4:61: error: TrafficTest s: tests[0].expect.weights.v1: a: min 30 is more than max 20: no weight is both",
		one + "{weights: {v1: {is: 1, tolerance: -1}}}}]": `tests[0].expect.weights.v1.tolerance: a: "-1" is not a number of percent`,
		one + "{weights: {v1: {maxx: 2}}}}]":              "there is no field maxx here (did you mean max?)",
		one + "{assert: {a: b}}}]":                        "tests[0].expect.assert: a: there must be a single value, not a mapping",
		strings.Replace(head, "name: s", "", 1) + "tests: [{name: a, expect: {assert: 'true'}}]":                   "metadata.name is required",
		head + "tests: [{name: a, expect: {assert: 'true'}}]\n---\n" + head + "tests: [{name: a, expect: {x: y}}]": ":9:28: error: TrafficTest s: tests[0].expect.x: a: there is no field x here",
	} {
		suites, problems := Parse("a.traffictest", []byte(text))
		for _, s := range suites {
			for _, test := range s.Tests {
				problems = append(problems, test.invalid...)
			}
		}
		var said []string
		for _, p := range problems {
			said = append(said, p.String())
			if p.Reason != api.ReasonInvalidTest {
				t.Errorf("%q: the reason is %s", text, p.Reason)
			}
		}
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("%q: says %q, not %q", text, said, want)
		}
		if regexp.MustCompile(`policy\.|\bint\b|uint|string|!!|unmarshal`).MatchString(strings.Join(said, "\n")) {
			t.Errorf("%q: names of the program: %q", text, said)
		}
	}
}

// What is wrong with one test, or beside the tests, keeps no other from being run.
func TestOneWrongTestHurtsNoOther(t *testing.T) {
	const text = "apiVersion: test.gateway-cp.io/v1alpha1\nkind: TrafficTest\nmetadata: {name: s, nom: s}\ntests:\n" +
		"- name: good\n  expect: &true {assert: 'true'}\n" +
		"- name: bad\n  expect: {status: ok, servise: web/a}\n" +
		"- &base\n  name: base\n  request: {url: 'http://shop.example.com/'}\n  expect: *true\n" +
		"- <<: *base\n  name: merged\n" +
		"--- [\n"
	suites, problems := Parse("a.traffictest", []byte(text))
	if len(suites) != 1 || len(suites[0].Tests) != 4 || len(problems) != 2 {
		t.Fatalf("%d suites, problems %q", len(suites), problems)
	}
	w := newWorld(t)
	for i, want := range []int{0, 2, 0, 0} {
		if got := Run(suites[0].Tests[i], w); len(got) != want {
			t.Errorf("%s: %q", suites[0].Tests[i].FullName(), got)
		}
	}
	if merged := suites[0].Tests[3]; merged.Name != "merged" || merged.Request == nil {
		t.Errorf("%+v", merged)
	}
}

// The schema for editors knows the same fields as the program, and takes the example.
func TestSchema(t *testing.T) {
	const file = "../docs/traffictest.schema.json"
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../examples/policy-tests/shop.traffictest")
	if err != nil {
		t.Fatal(err)
	}
	var example any
	if err := yaml.Unmarshal(text, &example); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(example); err != nil {
		t.Error(err)
	}
	example.(map[string]any)["tests"].([]any)[0].(map[string]any)["expect"].(map[string]any)["servise"] = "a/b"
	if schema.Validate(example) == nil {
		t.Error("the schema takes a field that does not exist")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	in := func(path ...string) []string {
		at := raw
		for _, p := range path {
			at = at.(map[string]any)[p]
		}
		var names []string
		for name := range at.(map[string]any) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	test := []string{"properties", "tests", "items", "properties"}
	for _, c := range []struct {
		of    any
		names []string
	}{
		{Suite{}, in("properties")}, {Test{}, in(test...)}, {Request{}, in(append(slices.Clone(test), "request", "properties")...)},
		{Selector{}, in(append(slices.Clone(test), "forAll", "properties")...)}, {Expect{}, in(append(slices.Clone(test), "expect", "properties")...)},
	} {
		var fields []string
		of := reflect.TypeOf(c.of)
		for i := range of.NumField() {
			if name := of.Field(i).Tag.Get("yaml"); name != "" {
				fields = append(fields, name)
			}
		}
		slices.Sort(fields)
		if !slices.Equal(fields, c.names) {
			t.Errorf("%s has %q, the schema %q", of, fields, c.names)
		}
	}
}

func FuzzTestFile(f *testing.F) {
	f.Add("apiVersion: test.gateway-cp.io/v1alpha1\nkind: TrafficTest\nmetadata: {name: s}\ntests:\n- name: it\n  expect: {assert: 'true'}\n")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		suites, problems := Parse("f", []byte(text))
		if len(suites) == 0 && len(problems) == 0 {
			t.Error("nothing is said of a file without tests")
		}
		for _, s := range suites {
			for _, test := range s.Tests {
				Run(test, &World{})
			}
		}
	})
}
