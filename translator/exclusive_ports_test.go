package translator

import (
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// An Envoy that is alone on its machine shares no port; others share by default.
func TestExclusivePorts(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		var options []Option
		if exclusive {
			options = append(options, ExclusivePorts)
		}
		tr := New(options...)
		tr.Apply(nil)
		heads := 0
		tr.Outputs(func(k resource.Key, o *resource.Output) {
			if k.Type != resource.Listener || k.Part != "" {
				return
			}
			heads++
			var l listenerv3.Listener
			if err := proto.Unmarshal(o.Bytes, &l); err != nil {
				t.Fatal(err)
			}
			if shared := l.EnableReusePort == nil; shared == exclusive {
				t.Errorf("exclusive %v: enable_reuse_port is %v", exclusive, l.EnableReusePort)
			}
		})
		if heads == 0 {
			t.Error("there is no listener")
		}
	}
}
