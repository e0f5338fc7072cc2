package xds

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Endpoints of a cluster that is of another fleet alone are not there for an Envoy that asks for them by
// name: not at once, not when they change, and not to one that claims to have had the cluster.
func TestEndpointsOfAnotherFleet(t *testing.T) {
	f := newFixture(t)
	theirs := cluster("theirs", "")
	theirs.Key.Audience = resource.OfFleet("g")
	f.apply(cluster("ours", ""), endpoints("ours", "1"), theirs, endpoints("theirs", "1"))
	c := f.starts("ours")
	c.asks(resource.Endpoint, "theirs")
	if c.getsEndpoints("theirs") {
		t.Error("it gets what is of another fleet")
	}
	liar := f.connectAs(&corev3.Node{Id: "f-2", Cluster: "f"})
	liar.returns(resource.Cluster, map[string]string{"theirs": "v"})
	liar.takes(resource.Cluster, "ours")
	liar.asks(resource.Endpoint, "theirs")
	liar.takes(resource.Endpoint, "-theirs")
	liar.leave()
	f.apply(endpoints("theirs", "22"))
	c.hearsNothing()
	g := f.connectAs(&corev3.Node{Id: "g-1", Cluster: "g"})
	g.asks(resource.Endpoint, "theirs")
	if !g.getsEndpoints("theirs") {
		t.Error("the other fleet does not get what is its own")
	}

	// A cluster comes to the fleet: who has asked already is sent the endpoints, and the newest.
	shared := cluster("theirs", "")
	f.apply(shared)
	c.takes(resource.Cluster, "theirs")
	if !c.getsEndpoints("theirs") {
		t.Error("it does not get what has become its own")
	}
	f.apply(endpoints("theirs", "333"))
	c.takes(resource.Endpoint, "theirs")
	// The cluster goes to the other fleet alone: while it is still on the Envoy, changes come.
	f.apply(scope("web"), host("web", "p", "1", "theirs"))
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(gone(shared.Key))
	f.apply(endpoints("theirs", "4444"))
	c.takes(resource.Endpoint, "theirs")
}

// getsEndpoints takes the next response, which must be about endpoints, and says whether there are any of
// a cluster in it.
func (c *deltaClient) getsEndpoints(name string) bool {
	c.f.Helper()
	select {
	case r, ok := <-c.responses:
		if !ok || r.TypeUrl != resource.Endpoint.URL() {
			c.f.Fatalf("got %v", r)
		}
		c.acks(r)
		for _, res := range r.Resources {
			m := &endpointv3.ClusterLoadAssignment{}
			c.f.must(proto.Unmarshal(res.Resource.Value, m))
			if m.ClusterName == name && len(m.Endpoints) > 0 {
				return true
			}
		}
	case <-c.f.context().Done():
		c.f.Fatal("nothing comes")
	}
	return false
}
