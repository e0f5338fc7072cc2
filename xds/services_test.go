package xds

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	loadv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gateway-cp/gateway-cp/resource"
)

func nodeMetadata(name string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{"node": structpb.NewStringValue(name)}}
}

// reports opens a metrics stream, and gives a function that reports the healthy endpoints of a
// cluster, with the cluster as a label or in the name.
func (f *fixture) reports(id string) func(cluster string, healthy float64, label bool) {
	f.Helper()
	stream, err := metricsv3.NewMetricsServiceClient(f.conn).StreamMetrics(f.context())
	if err != nil {
		f.Fatal(err)
	}
	who := &metricsv3.StreamMetricsMessage_Identifier{Node: &corev3.Node{Id: id, Cluster: "f"}}
	return func(cluster string, healthy float64, label bool) {
		f.Helper()
		m := &dto.Metric{Gauge: &dto.Gauge{Value: &healthy}}
		name := "cluster." + cluster + ".membership_healthy"
		if label {
			name = "cluster.membership_healthy"
			m.Label = []*dto.LabelPair{{Name: proto.String("envoy.cluster_name"), Value: &cluster}}
		}
		err := stream.Send(&metricsv3.StreamMetricsMessage{Identifier: who, EnvoyMetrics: []*dto.MetricFamily{
			{Name: proto.String("cluster.membership_healthy.other"), Metric: []*dto.Metric{m}},
			{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{m}},
		}})
		if err != nil {
			f.Fatal(err)
		}
		who = nil // with the first message only
	}
}

func TestARouteWaitsForHealthyEndpoints(t *testing.T) {
	for _, label := range []bool{false, true} {
		f := newFixture(t)
		f.apply(cluster("old", ""), endpoints("old", ""), scope("web"), healthy(host("web", "p", "1", "old")), host("web", "q", "1", "old"))
		c := f.starts("old")
		c.asks(resource.Scope)
		c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=1")

		f.apply(checkedCluster("a"), endpoints("a", ""), healthy(host("web", "p", "2", "a")), host("web", "q", "2", "a"))
		first := c.gets(resource.Cluster, "a")
		c.asks(resource.Endpoint, "a")
		c.takes(resource.Endpoint, "a") // the endpoints' ACK is not enough
		c.hearsNothing()
		c.acks(first) // the first round of checks is done
		c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=2")

		report := f.reports("e")
		report("a", 0, label)
		report("another", 3, label)
		c.hearsNothing()
		report("a", 1, label)
		c.has(c.takes(resource.Scope, "web"), "web", "p=2 q=2")
		if on := f.server.Cluster("a"); len(on) != 1 || !on[0].Warm || !on[0].Checked || on[0].Healthy != 1 {
			t.Errorf("%+v", on)
		}
		<-f.server.Observed()
		if clusters, _ := f.server.Observations(); len(clusters) == 0 {
			t.Error("nothing was observed")
		}
		// What sends traffic there already is not held back when the endpoints fail.
		report("a", 0, label)
		f.eventually("unhealthy", func() bool { return f.server.Cluster("a")[0].Healthy == 0 })
		f.apply(healthy(host("web", "p", "3", "a")), healthy(host("web", "q", "3", "a")))
		c.has(c.takes(resource.Scope, "web"), "web", "p=3 q=2")
	}
}

// An Envoy that has nothing for a part yet gains nothing from its fallback: it gets the first
// version as soon as the cluster is warm.
func TestTheFirstVersionDoesNotWaitForHealth(t *testing.T) {
	f := newFixture(t)
	f.apply(checkedCluster("a"), endpoints("a", ""), scope("web"), healthy(host("web", "p", "1", "a")))
	c := f.connect("e")
	c.asks(resource.Cluster)
	first := c.gets(resource.Cluster, "a")
	c.asks(resource.Endpoint, "a")
	c.takes(resource.Endpoint, "a")
	c.asks(resource.Scope)
	c.has(c.takes(resource.Scope, "web"), "web", "p=503")
	c.acks(first)
	c.has(c.takes(resource.Scope, "web"), "web", "p=1")
}

// Envoy asks for all scopes only once. When the listener that made it ask is refused, the next
// one finds the subscription standing and would wait for what was sent before it.
func TestScopesAreRepeatedForAListenerThatComesLater(t *testing.T) {
	f := newFixture(t)
	all := resource.Ref{Type: resource.Scope, Name: resource.All}
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"), listener("l", all))
	c := f.starts("a")
	c.asks(resource.Listener)
	refused := c.gets(resource.Listener, "l")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	c.refuses(refused, "cannot bind")
	c.hearsNothing()

	f.pass(retryTime)
	c.takes(resource.Listener, "l")
	c.has(c.takes(resource.Scope, "web"), "web", "p=1")
	c.hearsNothing()
}

func TestLoadReports(t *testing.T) {
	f := newFixture(t)
	stream, err := loadv3.NewLoadReportingServiceClient(f.conn).StreamLoadStats(f.context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *loadv3.LoadStatsRequest) {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	send(&loadv3.LoadStatsRequest{Node: &corev3.Node{Id: "e", Cluster: "f"}})
	asksEvery := func(interval time.Duration) {
		t.Helper()
		r, err := stream.Recv()
		if err != nil || !r.SendAllClusters || r.LoadReportingInterval.AsDuration() != interval {
			t.Fatalf("%v, %v", r, err)
		}
	}
	asksEvery(loadInterval)
	report := func() {
		send(&loadv3.LoadStatsRequest{ClusterStats: []*endpointv3.ClusterStats{{
			ClusterName: "a", TotalDroppedRequests: 1,
			UpstreamLocalityStats: []*endpointv3.UpstreamLocalityStats{
				{TotalIssuedRequests: 10, TotalSuccessfulRequests: 8, TotalErrorRequests: 2},
				{TotalIssuedRequests: 1, TotalSuccessfulRequests: 1},
			},
		}}})
	}
	report()
	report()
	want := Load{Issued: 22, Success: 18, Error: 4, Dropped: 2}
	f.eventually("the load is known", func() bool {
		known := false
		f.server.EachLoad(func(fleet, cluster string, l Load) { known = fleet == "f" && cluster == "a" && l == want })
		return known
	})
	if got := f.server.Load("a"); got != want {
		t.Errorf("the load of a is %+v", got)
	}
	if seen, _ := f.server.Observations(); len(seen) > 0 {
		t.Errorf("%v was observed, and nobody watches it", seen)
	}

	f.server.WatchLoad(map[string]struct{}{"a": {}})
	asksEvery(watchedInterval)
	report()
	f.eventually("the report is an observation", func() bool {
		seen, _ := f.server.Observations()
		_, is := seen["a"]
		return is
	})
	if got := f.server.Load("a").Issued; got != 33 {
		t.Errorf("%d requests, and three reports of 11", got)
	}
	f.server.WatchLoad(nil)
	asksEvery(loadInterval)
}
