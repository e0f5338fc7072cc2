package xds

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Requests are counted for a share only by Envoys that had it during the whole time that a report is about; those that met no
// healthy endpoint count, too.
func TestMeasuredSinceAChange(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"))
	c := f.starts("a")
	c.asks(resource.Scope)
	c.has(c.takes(resource.Scope, "web"), "web", "p=1")
	number := f.server.Apply(resource.ChangeSet{Entries: []resource.Entry{host("web", "p", "2", "a")}})
	f.server.Measure(map[string]uint64{"a": number})

	loads, err := loadv3.NewLoadReportingServiceClient(f.conn).StreamLoadStats(f.context())
	f.must(err)
	f.must(loads.Send(&loadv3.LoadStatsRequest{Node: &corev3.Node{Id: "e", Cluster: "f"}}))
	report := func(cluster string, issued uint64) {
		t.Helper()
		before := f.server.Load(cluster).Issued
		f.must(loads.Send(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{{
			ClusterName: cluster, UpstreamLocalityStats: []*endpointv3.UpstreamLocalityStats{{TotalIssuedRequests: issued}},
		}}}))
		f.eventually("the report is taken in", func() bool { return f.server.Load(cluster).Issued == before+issued })
	}
	metrics, err := metricsv3.NewMetricsServiceClient(f.conn).StreamMetrics(f.context())
	f.must(err)
	deliver := func(total float64) {
		t.Helper()
		f.must(metrics.Send(&metricsv3.StreamMetricsMessage{
			Identifier: &metricsv3.StreamMetricsMessage_Identifier{Node: &corev3.Node{Id: "e", Cluster: "f"}},
			EnvoyMetrics: []*dto.MetricFamily{{Name: proto.String("cluster.upstream_cx_none_healthy"), Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{
				Label:   []*dto.LabelPair{{Name: proto.String("envoy.cluster_name"), Value: proto.String("a")}},
				Counter: &dto.Counter{Value: &total},
			}}}},
		}))
	}
	measured := func(issued, unreached uint64) {
		t.Helper()
		f.eventually("the count", func() bool { m := f.server.Measured("a"); return m.Issued == issued && m.Unreached == unreached })
	}
	change := c.gets(resource.Scope, "web")
	report("a", 10) // the Envoy has not answered yet
	report("a", 10)
	measured(0, 0)
	c.acks(change)
	f.eventually("it has it", func() bool { return f.envoy().Applied >= number })
	report("a", 100) // the time that this is about began before
	measured(0, 0)
	deliver(5) // where counting begins
	deliver(7)
	report("a", 1)
	report("b", 1)
	report("a", 2)
	deliver(8)
	deliver(8)
	measured(3, 3)

	f.server.Measure(map[string]uint64{"a": number, "b": number})
	report("a", 4)
	measured(7, 3)
	f.server.Measure(map[string]uint64{"a": f.server.Apply(resource.ChangeSet{Entries: []resource.Entry{host("web", "p", "3", "a")}})})
	measured(0, 0)
	f.server.Measure(nil)
	report("a", 4)
	measured(0, 0)
}
