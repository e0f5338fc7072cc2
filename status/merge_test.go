package status

import (
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/json"

	"github.com/gateway-cp/gateway-cp/api"
)

func TestMerge(t *testing.T) {
	const earlier, now = "2026-01-01T00:00:00Z", "2026-11-30T12:00:00Z"
	for _, test := range []struct {
		name            string
		kind            api.Kind
		say, have, want string
		stands, nothing bool
	}{
		{name: "first", kind: api.KindGatewayClass,
			say:  `{"conditions":[{"type":"A","status":"True","observedGeneration":2}]}`,
			have: `{}`,
			want: `{"conditions":[{"type":"A","status":"True","observedGeneration":2,"lastTransitionTime":"` + now + `"}]}`},
		{name: "a transition that is none keeps its time", kind: api.KindGatewayClass,
			say:  `{"conditions":[{"type":"A","status":"True","observedGeneration":3}]}`,
			have: `{"conditions":[{"type":"A","status":"True","observedGeneration":2,"lastTransitionTime":"` + earlier + `"}]}`,
			want: `{"conditions":[{"type":"A","status":"True","observedGeneration":3,"lastTransitionTime":"` + earlier + `"}]}`},
		{name: "a transition", kind: api.KindGatewayClass,
			say:  `{"conditions":[{"type":"A","status":"False"}]}`,
			have: `{"conditions":[{"type":"A","status":"True","lastTransitionTime":"` + earlier + `"}]}`,
			want: `{"conditions":[{"type":"A","status":"False","lastTransitionTime":"` + now + `"}]}`},
		{name: "conditions of others stay theirs", kind: api.KindGatewayClass, stands: true,
			say:  `{"conditions":[{"type":"A","status":"True"}]}`,
			have: `{"conditions":[{"type":"B","status":"True","lastTransitionTime":"` + earlier + `"},{"type":"A","status":"True","lastTransitionTime":"` + earlier + `"}]}`,
			want: `{"conditions":[{"type":"A","status":"True","lastTransitionTime":"` + earlier + `"}]}`},
		{name: "listeners are told apart by their names", kind: api.KindGateway, stands: true,
			say:  `{"listeners":[{"name":"b","conditions":[{"type":"A","status":"True"}]}]}`,
			have: `{"listeners":[{"name":"b","conditions":[{"type":"A","status":"True","lastTransitionTime":"` + earlier + `"}]}]}`,
			want: `{"listeners":[{"name":"b","conditions":[{"type":"A","status":"True","lastTransitionTime":"` + earlier + `"}]}]}`},
		{name: "what others say of a route stays", kind: api.KindHTTPRoute,
			say:  `{"parents":[{"parentRef":{"name":"gw"},"controllerName":"gateway-cp.io/gateway-controller","conditions":[{"type":"A","status":"True"}]}]}`,
			have: `{"parents":[{"parentRef":{"name":"gw"},"controllerName":"example.com/x"},{"parentRef":{"name":"old"},"controllerName":"gateway-cp.io/gateway-controller"}]}`,
			want: `{"parents":[{"parentRef":{"name":"gw"},"controllerName":"example.com/x"},
				{"parentRef":{"name":"gw"},"controllerName":"gateway-cp.io/gateway-controller","conditions":[{"type":"A","status":"True","lastTransitionTime":"` + now + `"}]}]}`},
		{name: "nothing of ours on a route", kind: api.KindHTTPRoute, nothing: true,
			have: `{"parents":[{"parentRef":{"name":"gw"},"controllerName":"example.com/x"},{"parentRef":{"name":"gw"},"controllerName":"gateway-cp.io/gateway-controller"}]}`,
			want: `{"parents":[{"parentRef":{"name":"gw"},"controllerName":"example.com/x"}]}`},
		{name: "no parents, and none before", kind: api.KindHTTPRoute, nothing: true, stands: true, have: `{}`, want: `{"parents":[]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, have, expected := map[string]any{}, map[string]any{}, map[string]any{}
			for i, text := range []string{test.say, test.have, test.want} {
				if text == "" {
					continue
				}
				if err := json.Unmarshal([]byte(text), []*map[string]any{&want, &have, &expected}[i]); err != nil {
					t.Fatal(err)
				}
			}
			if test.nothing {
				want = nothingOf(test.kind)
			}
			at, _ := time.Parse(time.RFC3339, now)
			merge(test.kind, want, have, at)
			if !reflect.DeepEqual(want, expected) {
				t.Errorf("got  %v\nwant %v", want, expected)
			}
			if got := stands(want, have); got != test.stands {
				t.Errorf("stands: %v, want %v", got, test.stands)
			}
		})
	}
}
