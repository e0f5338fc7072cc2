package files

import (
	"reflect"
	"testing"

	kjson "sigs.k8s.io/json"
)

// An object's content is what Kubernetes decodes its JSON to.
func TestContentIsWhatItsJSONDecodesTo(t *testing.T) {
	texts := append([]string{
		"a: [1, -2, 1.5, 1e3, 9223372036854775807, 9223372036854775808, 0x10, true, ~, \"x\\ty\", é, '']\nb: {}\nc: []\n\"d\\\"\": |\n  <text>\n",
		`{"a": [1e2, 1E400, -0, 0.0, 12345678901234567890], "b": "\u00e9\ud800\n"}`, `{"a": [1e2, -0, 0.0, 12345678901234567890, "\u00e9\ud800\n"]}`,
	}, simpleSeeds...)
	compared, in := 0, new(arena)
	for _, text := range texts {
		for _, seg := range split([]byte(text)) {
			docs, _ := parse([]byte(text), seg)
			for _, doc := range docs {
				if doc.root.kind != mapNode {
					continue
				}
				object := doc.root.content(in)
				json, err := doc.root.appendJSON(nil, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				var want map[string]any
				if err := kjson.UnmarshalCaseSensitivePreserveInts(json, &want); err != nil {
					want = nil
				}
				if !reflect.DeepEqual(object, want) {
					t.Errorf("%s\ngives %#v, not %#v", text, object, want)
				}
				compared++
				in.looked() // the next one is in the same maps and lists
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d objects were compared", compared)
	}
}
