package traffic

import (
	"encoding/json"
	"slices"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
)

// wireEntry is an output with where it comes from, as it is sent to another process.
type wireEntry struct {
	Key     resource.Key       `json:"key"`
	Bytes   []byte             `json:"bytes"`
	Invalid bool               `json:"invalid,omitempty"`
	Origins translator.Origins `json:"origins"`
}

// MarshalJSON writes a translation for another process of the same version. Private keys and what
// else Envoy's API marks as sensitive in secrets are overwritten.
func (s *Translation) MarshalJSON() ([]byte, error) {
	all := make([]wireEntry, 0, len(s.entries))
	for _, e := range s.entries {
		w := wireEntry{Key: e.Key, Bytes: e.Output.Bytes, Invalid: e.Output.Invalid, Origins: s.origins[e.Key]}
		if e.Key.Type == resource.Secret {
			secret := &tlsv3.Secret{}
			if err := proto.Unmarshal(w.Bytes, secret); err != nil {
				return nil, err
			}
			if err := Redact(secret); err != nil {
				return nil, err
			}
			w.Bytes = []byte(encoded(secret))
		}
		all = append(all, w)
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *Translation) UnmarshalJSON(data []byte) error {
	var all []wireEntry
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*s = Translation{origins: map[resource.Key]translator.Origins{}}
	for _, w := range all {
		s.entries = append(s.entries, resource.Entry{Key: w.Key, Output: &resource.Output{Bytes: w.Bytes, Invalid: w.Invalid}})
		s.origins[w.Key] = w.Origins
	}
	slices.SortFunc(s.entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	return nil
}
