package xds

import (
	"maps"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// FuzzDeltaRequest holds our reading of a request against the generated one: both take the same
// messages, and find the same in them.
func FuzzDeltaRequest(f *testing.F) {
	f.Add(must1(proto.Marshal(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "e", Cluster: "f"}, TypeUrl: "t", ResponseNonce: "7",
		ResourceNamesSubscribe: []string{"a", "b"}, ResourceNamesUnsubscribe: []string{"c"},
		InitialResourceVersions: map[string]string{"a": "1", "": ""}, ErrorDetail: &status.Status{Code: 3, Message: "no"},
		ResourceLocatorsSubscribe: []*discoveryv3.ResourceLocator{{Name: "l"}},
	})))
	f.Add([]byte{0x1a, 0x01, 0xff})       // a name that is not UTF-8
	f.Add([]byte{0x2a, 0x02, 0x0a, 0x05}) // a name that is cut off
	f.Add([]byte{0x08, 0x01, 0x12, 0x00}) // a number where a message is expected
	f.Fuzz(func(t *testing.T, message []byte) {
		want := &discoveryv3.DeltaDiscoveryRequest{}
		wanted := proto.Unmarshal(message, want)
		got := &deltaRequest{}
		err := got.Unmarshal(slices.Clone(message))
		if wanted == nil && err != nil {
			t.Fatalf("it is a request, but: %v", err)
		}
		if wanted != nil {
			return // what the generated decoder refuses in fields that are not looked at is not refused
		}
		if got.url != want.TypeUrl || got.nonce != want.ResponseNonce ||
			!slices.Equal(got.subscribe, want.ResourceNamesSubscribe) || !slices.Equal(got.unsubscribe, want.ResourceNamesUnsubscribe) ||
			!maps.Equal(maps.Collect(got.versions()), want.InitialResourceVersions) ||
			(got.refused == nil) != (want.ErrorDetail == nil) || (got.node == nil) != (want.Node == nil) {
			t.Fatalf("got %+v, want %v", got, want)
		}
	})
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
