package envoy

import (
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	defaultMaxHeap        = 2 << 30
	defaultMaxConnections = 50_000
)

const heapMonitor = "envoy.resource_monitors.fixed_heap"

// overloadManager makes Envoy refuse work before it runs out of memory or file descriptors.
func overloadManager(o Options) (*overloadv3.OverloadManager, error) {
	if o.MaxHeap == 0 {
		o.MaxHeap = defaultMaxHeap
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultMaxConnections
	}
	m := &overloadv3.OverloadManager{
		RefreshInterval: durationpb.New(250 * time.Millisecond),
		Actions: []*overloadv3.OverloadAction{
			above("envoy.overload_actions.shrink_heap", 0.95),
			above("envoy.overload_actions.disable_http_keepalive", 0.97),
			above("envoy.overload_actions.stop_accepting_requests", 0.98),
		},
	}
	for _, r := range []struct {
		name   string
		config proto.Message
	}{
		{heapMonitor, &heapv3.FixedHeapConfig{MaxHeapSizeBytes: o.MaxHeap}},
		{"envoy.resource_monitors.global_downstream_max_connections", &connectionsv3.DownstreamConnectionsConfig{
			MaxActiveDownstreamConnections: o.MaxConnections,
		}},
	} {
		config, err := pack(r.config)
		if err != nil {
			return nil, err
		}
		m.ResourceMonitors = append(m.ResourceMonitors, &overloadv3.ResourceMonitor{
			Name:       r.name,
			ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: config},
		})
	}
	return m, nil
}

// above triggers an action when the heap is fuller than a share of its maximum.
func above(action string, share float64) *overloadv3.OverloadAction {
	return &overloadv3.OverloadAction{Name: action, Triggers: []*overloadv3.Trigger{{
		Name: heapMonitor,
		TriggerOneof: &overloadv3.Trigger_Threshold{
			Threshold: &overloadv3.ThresholdTrigger{Value: share},
		},
	}}}
}

// staticRuntime lets regular expressions of routes be larger than Envoy's default allows;
// a route is refused with a problem before it comes near this.
func staticRuntime() (*bootstrapv3.LayeredRuntime, error) {
	layer, err := structpb.NewStruct(map[string]any{
		"re2.max_program_size.error_level": 32768,
		"re2.max_program_size.warn_level":  32768,
	})
	if err != nil {
		return nil, err
	}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name:           "static",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: layer},
	}}}, nil
}
