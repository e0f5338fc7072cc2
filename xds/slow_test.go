package xds

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/resource"
)

// A client that does not answer costs nothing more however much happens, is cut off, and gets
// the newest state alone when it returns.
func TestAClientThatDoesNotAnswerIsCutOff(t *testing.T) {
	f := newFixtureWith(t, time.Minute)
	f.apply(cluster("a", ""), endpoints("a", ""), endpoints("b", ""))
	c := f.starts("a")
	c.asks(resource.Endpoint, "b")
	c.takes(resource.Endpoint, "b")
	had := map[string]string{"a": newWhole(endpoints("a", "")).version, "b": newWhole(endpoints("b", "")).version}
	f.apply(endpoints("a", "1"))
	c.gets(resource.Endpoint, "a") // and does not answer
	revision := "1"
	for range 100 {
		revision += "1"
		f.apply(endpoints("a", revision), endpoints("b", revision))
	}
	c.hearsNothing()
	if n := f.envoy().Types[resource.Endpoint].Pending; n != 3 {
		t.Errorf("%d are pending, want one that was sent and two that have changed", n)
	}
	f.pass(time.Minute)
	f.eventually("it is cut off", func() bool { return !f.envoy().Connected })
	f.eventually("that is told", func() bool {
		list := f.server.RefusedClients()
		return len(list) == 1 && list[0].For == ForNoAnswer && strings.Contains(list[0].Message, "has not answered a response for 1m0s (--xds-answer-timeout)")
	})

	c = f.connect("e")
	c.returns(resource.Endpoint, had, "a", "b")
	c.takes(resource.Endpoint, "a", "b")
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
	if list := f.server.RefusedClients(); len(list) != 0 {
		t.Errorf("it is back, and still listed: %+v", list)
	}
	if e := f.envoy(); e.Resources != 2 {
		t.Errorf("it was sent %d resources when it returned, want the newest version of each of 2", e.Resources)
	}
}

// Envoy withholds the answers of clusters for as long as one warms, which may be longer.
func TestClustersMayBeAnsweredLate(t *testing.T) {
	f := newFixtureWith(t, time.Minute)
	f.apply(cluster("a", ""), endpoints("a", ""))
	c := f.connect("e")
	c.asks(resource.Cluster)
	r := c.gets(resource.Cluster, "a")
	f.pass(time.Hour)
	c.hearsNothing()
	c.acks(r)
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
}

// A client that does not read at all blocks its own stream alone, until that is ended.
func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	f := newFixtureWith(t, time.Second)
	large := endpoints("a", "")
	large.Output.Bytes = make([]byte, 8<<20)
	f.apply(large)
	conn, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	f.must(err)
	defer conn.Close()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(f.context())
	f.must(err)
	f.must(stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "stuck", Cluster: "f"}, TypeUrl: resource.Endpoint.URL(), ResourceNamesSubscribe: []string{"a"},
	}))
	connected := func() bool {
		return slices.ContainsFunc(f.server.Nodes(), func(n Node) bool { return n.ID == "stuck" })
	}
	f.eventually("it is connected", connected)
	other := f.connect("other")
	for i := range 3 {
		name := fmt.Sprint("b", i)
		other.asks(resource.Endpoint, name)
		other.takes(resource.Endpoint, name)
	}
	f.eventually("it is cut off", func() bool { return !connected() })
	f.eventually("that is counted", func() bool { return f.server.Traffic().Refused[ForNoAnswer] == 1 })
}
