package configdump

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// asEnvoy writes JSON as Envoy's admin interface does.
var asEnvoy = protojson.MarshalOptions{UseProtoNames: true}

// JSON gives an encoded resource as it stands in a dump: with @type, and without private keys.
func JSON(t resource.Type, message []byte) (json.RawMessage, error) {
	m, err := (&anypb.Any{TypeUrl: t.URL(), Value: message}).UnmarshalNew()
	if err != nil {
		return nil, err
	}
	Redact(m)
	whole, err := anypb.New(m)
	if err != nil {
		return nil, err
	}
	out, err := asEnvoy.Marshal(whole)
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", t, err)
	}
	return out, nil
}

// normal gives a JSON tree in the one form that equal messages have: with the defaults left
// out, and numbers, durations and bytes written in one way. What this program cannot decode,
// such as an extension that it does not know, stays as it is.
func normal(tree any) any {
	raw, err := json.Marshal(tree)
	if err != nil {
		return tree
	}
	var whole anypb.Any
	if protojson.Unmarshal(raw, &whole) != nil {
		return tree
	}
	m, err := whole.UnmarshalNew()
	if err != nil {
		return tree
	}
	Redact(m)
	packed, err := anypb.New(m)
	if err != nil {
		return tree
	}
	if raw, err = asEnvoy.Marshal(packed); err != nil {
		return tree
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return tree
	}
	return out
}
