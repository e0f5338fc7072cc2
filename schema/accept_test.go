package schema

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// What is accepted, the API server's validator accepts as well, in all examples of the Gateway API,
// good and bad, and in what changing them at random makes of them. Of what it accepts, almost all
// is: only that makes it fast.
func TestAcceptsWhereTheValidatorFindsNothing(t *testing.T) {
	c := New(Options{})
	random := rand.New(rand.NewPCG(3, 4))
	accepted, missed, wrong := 0, 0, 0
	for _, original := range gatewayAPIObjects(t) {
		object := original
		kind, _ := object["kind"].(string)
		group, version, _ := strings.Cut(object["apiVersion"].(string), "/")
		d := c.definitionOf(schema.GroupKind{Group: group, Kind: kind})
		if d == nil || d.versions[version] == nil {
			continue
		}
		v := d.versions[version]
		if err := v.compile(); err != nil {
			t.Fatal(kind, err)
		}
		for range 40 {
			slowly, r := runtime.DeepCopyJSON(object), new(report)
			accepts, errs := v.accepts(object), v.validate(r, slowly)
			switch {
			case accepts && (len(errs) > 0 || len(r.problems) > 0 || !reflect.DeepEqual(object, slowly)):
				text, _ := json.Marshal(object)
				t.Fatalf("accepted, but the validator says %v, and %v is unknown:\n%s", errs, r.problems, text)
			case accepts:
				accepted++
			case len(errs) == 0 && len(r.problems) == 0:
				missed++
			default:
				wrong++
			}
			object = runtime.DeepCopyJSON(original)
			for range 1 + random.IntN(5) {
				disturb(random, object)
			}
		}
	}
	if accepted < 1000 || wrong < 200 || missed > accepted/10 {
		t.Errorf("%d objects were accepted, %d were not but would be by the validator, %d are wrong: too few to say anything", accepted, missed, wrong)
	}
}

// Each of these schemas, with each of these values, once.
func TestAcceptsEachKeyword(t *testing.T) {
	schemas := []string{
		"{}", "{type: string}", "{type: string, nullable: true}", "{type: boolean}", "{type: integer}", "{type: number}", "{type: object}",
		"{type: string, enum: [a, b]}", "{type: string, enum: [a], nullable: true}", "{type: integer, enum: [1]}", "{type: integer, enum: [1, 7], nullable: true}", "{enum: [1, a]}", "{enum: [1]}", "{enum: [a]}", "{enum: [1.5, 2]}", "{type: string, minLength: 2}",
		"{type: string, maxLength: 1}", `{type: string, pattern: "^[a-m]+$"}`, "{type: string, format: date-time}", "{type: string, format: ipv4}",
		"{type: string, format: nonsense}", "{type: integer, format: int32}", "{type: integer, format: int64, minimum: 1}", "{type: number, format: float}",
		"{type: integer, maximum: 7}", "{type: integer, maximum: 7, exclusiveMaximum: true}", "{type: number, minimum: 0.5}", "{type: integer, multipleOf: 2}",
		"{type: integer, maximum: 1e300}", "{type: array, items: {type: string}}", "{type: array, minItems: 1, items: {type: integer}}",
		"{type: array, maxItems: 1, items: {type: integer}}", "{type: array, uniqueItems: true, items: {type: integer}}",
		"{type: object, required: [a], properties: {a: {type: string}}}", "{type: object, properties: {a: {type: integer}, b: {not: {type: string}}}}",
		"{type: object, additionalProperties: {type: string}}", "{type: object, additionalProperties: {type: string, nullable: true}, maxProperties: 1}",
		"{type: object, minProperties: 1, x-kubernetes-preserve-unknown-fields: true}", "{type: object, additionalProperties: {oneOf: [{type: string}]}}",
		"{x-kubernetes-int-or-string: true}", "{x-kubernetes-int-or-string: true, nullable: true, pattern: a, minimum: 2}", "{x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}], maximum: 3}",
		"{type: string, anyOf: [{minLength: 2}, {pattern: a}]}", "{type: string, allOf: [{minLength: 2}, {pattern: b}]}", "{type: string, oneOf: [{pattern: a}, {pattern: b}]}",
		"{type: string, not: {enum: [a]}}", "{type: object, anyOf: [{required: [a]}, {required: [b]}]}", "{type: object, allOf: [{properties: {a: {pattern: x}}}]}",
		"{type: array, items: {type: object, required: [a]}, allOf: [{minItems: 2}]}", "{minProperties: 1}", "{minItems: 1}", "{nullable: false, enum: [a]}",
		"{type: object, properties: {a: {type: string, default: x}, b: {type: string}}}", "{type: object, minProperties: 2, properties: {a: {type: string, nullable: true, default: x}, b: {type: integer}}}",
		"{type: object, required: [a], properties: {a: {type: object, default: {}, properties: {b: {type: integer, default: 4}}}}}",
		"{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: object, properties: {b: {type: string}}}}}",
		"{type: object, additionalProperties: true}", "{type: object, additionalProperties: {type: object, properties: {a: {type: string, default: y}}}}",
		"{type: array, x-kubernetes-list-type: set, items: {type: integer}}", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], items: {type: object, required: [a], properties: {a: {type: integer}, b: {type: string}}}}",
		"{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a, b], items: {type: object, properties: {a: {type: integer, default: 1}, b: {type: string, default: c}}}}",
		"{type: array, items: {type: object, properties: {a: {type: integer, default: 1}}}}", "{type: array, items: {type: integer, nullable: true}}",
		"{type: array, x-kubernetes-preserve-unknown-fields: true, items: {type: object, properties: {a: {type: integer}}}}",
	}
	values := []string{
		"null", `""`, `"a"`, `"b"`, `"ab"`, `"é"`, `"zz"`, `"2020-01-02T03:04:05Z"`, `"10.0.0.1"`, "true", "false", "0", "1", "2", "3", "7", "8", "-1",
		"2147483647", "2147483648", "9223372036854775807", "0.25", "1.5", "1e300", "[]", `["a"]`, "[1]", "[1, 1]", "[1, 2]", "[null]", "[{}]", `[{"a": 1}, {"a": null}]`,
		"{}", `{"a": "a"}`, `{"a": 1}`, `{"a": null}`, `{"b": 1}`, `{"b": "b"}`, `{"a": "x", "b": "b"}`, `{"c": {}}`, `{"c": "d"}`,
		`[{"a": 1}, {"a": 2}]`, `[{"a": 1}, {"a": 1}]`, `[{"a": 1, "b": "x"}, {"a": 1, "b": "y"}]`, `[{"a": 1, "b": "c"}, {}]`, `[{"c": 1}]`,
		`{"a": {}}`, `{"a": {"b": "x"}}`, `{"a": {"c": 1}}`, `{"a": {"a": "z", "b": null}}`,
	}
	accepted := 0
	for _, s := range schemas {
		text := `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.com}, spec: {group: example.com,
			names: {kind: Thing, plural: things}, scope: Namespaced, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {properties: {spec: ` + s + `}}}}]}}`
		crd, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(s, err)
		}
		d, err := parseCRD(crd)
		if err != nil {
			t.Fatal(s, err)
		}
		v := d.versions["v1"]
		if err := v.compile(); err != nil {
			continue // no API server takes it
		}
		for _, value := range values {
			object, ok := new(report).read([]byte(`{"spec": ` + value + `}`))
			if !ok {
				t.Fatal(value)
			}
			slowly, r := runtime.DeepCopyJSON(object), new(report)
			if !v.accepts(object) {
				continue
			}
			accepted++
			if errs := v.validate(r, slowly); len(errs) > 0 || len(r.problems) > 0 || !reflect.DeepEqual(object, slowly) {
				t.Errorf("%s accepts %s and makes %v of it, but the validator says %v, %v and makes %v", s, value, object, errs, r.problems, slowly)
			}
		}
	}
	if accepted < 200 {
		t.Errorf("only %d pairs are accepted", accepted)
	}
}
