package envoy

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"
)

// JSON writes a message as Envoy's documentation does, with the field names of the
// Protobuf files, indented and with sorted keys.
func JSON(m proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson varies its white space on purpose; through a map it is always the same.
	var v any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// YAML is JSON as YAML.
func YAML(m proto.Message) ([]byte, error) {
	data, err := JSON(m)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(data)
}
