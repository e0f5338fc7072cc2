package xds

import (
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

func TestAnEmptyServerGreets(t *testing.T) {
	f := newFixture(t)
	c := f.connect("e")
	c.asks(resource.Cluster)
	c.takes(resource.Cluster) // Envoy waits for it when it starts
	c.asks(resource.Listener)
	c.takes(resource.Listener)
	c.hearsNothing()
}

func TestAnEnvoyGetsAllAndThenWhatChanges(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), cluster("b", ""), endpoints("b", ""))
	c := f.starts("a", "b")
	c.hearsNothing()

	f.apply(cluster("b", "2"))
	c.takes(resource.Cluster, "b")
	c.takes(resource.Endpoint, "b") // a changed cluster waits for its endpoints again
	f.apply(endpoints("a", "2"))
	c.takes(resource.Endpoint, "a")
	f.apply(endpoints("a", "2"), cluster("b", "2")) // the same bytes
	c.hearsNothing()
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
}

func TestSubscribing(t *testing.T) {
	f := newFixture(t)
	f.apply(secret("s", ""), secret("t", ""))
	c := f.connect("e")
	c.asks(resource.Secret, "s", "unknown")
	c.takes(resource.Secret, "-unknown") // answered at once: something waits for it
	c.takes(resource.Secret, "s")
	f.apply(secret("unknown", "2"))
	c.takes(resource.Secret, "unknown")
	f.apply(secret("t", "2"))
	c.hearsNothing()
	c.drops(resource.Secret, "s")
	c.hearsNothing()
	f.apply(secret("s", "3"))
	c.hearsNothing()
	c.asks(resource.Secret, "s")
	c.takes(resource.Secret, "s")
	c.asks(resource.Secret, "s") // it has forgotten it
	c.takes(resource.Secret, "s")
	c.asks(resource.Endpoint, "nowhere")
	c.takes(resource.Endpoint, "nowhere") // without any
	f.apply(endpoints("nowhere", ""))
	c.takes(resource.Endpoint, "nowhere")
}

func TestOnlyClustersListenersAndScopesAreWildcards(t *testing.T) {
	f := newFixture(t)
	f.apply(endpoints("a", ""), secret("s", ""), scope("web"))
	c := f.connect("e")
	c.asks(resource.Endpoint)
	c.asks(resource.Secret)
	c.hearsNothing()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
}

func TestAnEnvoyThatComesBackWithAllGetsAnEmptyResponse(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		f := newFixture(t)
		world := []resource.Entry{
			cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"), secret("s", ""),
		}
		f.apply(world...)
		c := f.starts("a")
		c.asks(resource.Scope)
		web := c.takes(resource.Scope, "web")
		c.asks(resource.Secret, "s")
		s := c.takes(resource.Secret, "s")
		clusters := map[string]string{"a": newWhole(cluster("a", "")).version}
		assignments := map[string]string{"a": newWhole(endpoints("a", "")).version}
		c.leave()
		if restarted {
			f = newFixture(t)
			f.apply(world...)
		}
		c = f.connect("e")
		c.returns(resource.Cluster, clusters)
		c.takes(resource.Cluster) // resets Envoy's reconnect back-off
		c.returns(resource.Endpoint, assignments, "a")
		c.returns(resource.Scope, versions(web))
		c.takes(resource.Scope)
		c.returns(resource.Secret, versions(s), "s")
		c.hearsNothing()
		f.eventually("in sync", func() bool { return f.envoy().InSync() })
		if e := f.envoy(); e.Resources != 0 {
			t.Errorf("restarted %v: it was sent %d resources", restarted, e.Resources)
		}
		f.apply(scope("web"), host("web", "p", "2", "a")) // what it came with is what it has
		c.has(c.takes(resource.Scope, "web"), "web", "p=2")
	}
}

func newWhole(e resource.Entry) *composed {
	return compose(0, e.Key.Name, newContent("", e.Output), nil)
}

func TestMakeBeforeBreak(t *testing.T) {
	f := newFixture(t)
	f.apply(drainingCluster("blue", 300*time.Millisecond), endpoints("blue", ""), scope("web"), host("web", "p", "blue", "blue"))
	c := f.starts("blue")
	c.asks(resource.Scope)
	c.has(c.takes(resource.Scope, "web"), "web", "p=blue")

	f.apply(gone(key(resource.Cluster, "blue")), gone(key(resource.Endpoint, "blue")),
		cluster("green", ""), endpoints("green", ""), host("web", "p", "green", "green"))
	green := c.gets(resource.Cluster, "green")
	c.hearsNothing() // neither the route nor the removal, before green is warm
	c.asks(resource.Endpoint, "green")
	c.takes(resource.Endpoint, "green")
	route := c.gets(resource.Scope, "web")
	c.has(route, "web", "p=green")
	c.acks(green)
	c.hearsNothing() // blue is in use until the route is acknowledged
	f.pass(time.Minute)
	c.hearsNothing()
	acked := time.Now()
	c.acks(route)
	removal := c.gets(resource.Cluster, "-blue")
	if waited := time.Since(acked); waited < 300*time.Millisecond {
		t.Errorf("blue was taken away %s after the route was acknowledged, before its drain time of 300ms", waited)
	}
	c.acks(removal)
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
}

func TestARouteGoesBackWhileItsClusterDrains(t *testing.T) {
	f := newFixture(t)
	blue := drainingCluster("blue", time.Hour)
	f.apply(blue, endpoints("blue", ""), cluster("green", ""), endpoints("green", ""), scope("web"), host("web", "p", "1", "blue"))
	c := f.starts("blue", "green")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(gone(blue.Key), host("web", "p", "2", "green"))
	c.takes(resource.Scope, "web")
	c.hearsNothing()
	f.apply(blue, host("web", "p", "3", "blue"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=3") // at once: blue was warm all the time
	f.pass(2 * time.Hour)
	c.hearsNothing()
}

func TestAPartWaitsForItsClusterAndItsNeighboursMoveOn(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"), host("web", "q", "1", "a"))
	c := f.starts("a")
	c.asks(resource.Scope)
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=1")

	// p keeps its last good version, the new r has none: it gets its fallback.
	f.apply(host("web", "p", "2", "b"), host("web", "q", "2", "a"), host("web", "r", "1", "b"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=2 r=503")
	if got := f.envoy(); len(got.Waiting) != 1 || got.Waiting[0].Ref != (resource.Ref{Type: resource.Cluster, Name: "b"}) || got.InSync() {
		t.Errorf("waiting for %v, in sync %v", got.Waiting, got.InSync())
	}
	f.apply(cluster("b", ""), endpoints("b", ""))
	b := c.gets(resource.Cluster, "b")
	c.asks(resource.Endpoint, "b")
	c.gets(resource.Endpoint, "b")
	c.acks(b)
	c.has(c.takes(resource.Scope, "web"), "web", "p=2 q=2 r=1")
}

func TestInvalidContentIsNotDelivered(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"), host("web", "q", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	bad := host("web", "p", "2")
	bad.Output.Invalid = true
	f.apply(bad, host("web", "q", "2"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=2")
	f.apply(host("web", "p", "3"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=3 q=2")
}

func TestAListenerWaitsForWhatItFetches(t *testing.T) {
	f := newFixture(t)
	f.apply(listener("http"), listener("https", resource.Ref{Type: resource.Secret, Name: "s"}))
	c := f.starts()
	c.asks(resource.Listener)
	c.takes(resource.Listener, "http")
	f.apply(secret("s", ""))
	c.takes(resource.Listener, "https")
	f.apply(gone(key(resource.Listener, "http")))
	c.takes(resource.Listener, "-http")
	f.apply(listener("http"))
	c.takes(resource.Listener, "http")
}

func TestAResourceThatReturnsWhileItsRemovalIsOnItsWay(t *testing.T) {
	f := newFixture(t)
	f.apply(listener("http"))
	c := f.starts()
	c.asks(resource.Listener)
	c.takes(resource.Listener, "http")
	f.apply(gone(key(resource.Listener, "http")))
	removal := c.gets(resource.Listener, "-http")
	f.apply(listener("http"))
	c.hearsNothing()
	c.acks(removal)
	c.takes(resource.Listener, "http")
	f.eventually("in sync", func() bool { return f.envoy().InSync() })
}

func TestTheNarrowestAudienceWins(t *testing.T) {
	f := newFixture(t)
	local := endpoints("a", "local")
	local.Key.Audience = resource.Audience{Scope: resource.Node, Name: "n1"}
	other := scope("of another fleet")
	other.Key.Audience = resource.OfFleet("g")
	f.apply(endpoints("a", ""), local, scope("web"), other)
	connect := func(id, node string) (*deltaClient, string) {
		n := &corev3.Node{Id: id, Cluster: "f", Metadata: nodeMetadata(node)}
		c := f.connectAs(n)
		c.asks(resource.Endpoint, "a")
		v := versions(c.takes(resource.Endpoint, "a"))["a"]
		c.asks(resource.Scope)
		c.takes(resource.Scope, "web")
		return c, v
	}
	one, v1 := connect("e1", "n1")
	two, v2 := connect("e2", "n2")
	if v1 != newWhole(local).version || v2 != newWhole(endpoints("a", "")).version {
		t.Errorf("n1 has %s, n2 has %s", v1, v2)
	}
	f.apply(endpoints("a", "wide 2"))
	two.takes(resource.Endpoint, "a")
	one.hearsNothing()
	f.apply(gone(local.Key)) // the wide one shows
	one.takes(resource.Endpoint, "a")
	two.hearsNothing()
}

func TestAStreamNeedsANodeID(t *testing.T) {
	f := newFixture(t)
	c := f.connectAs(&corev3.Node{})
	if err := c.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resource.Cluster.URL()}); err != nil {
		t.Fatal(err)
	}
	for range c.responses {
		t.Error("an answer")
	}
	if err := c.stream.RecvMsg(&discoveryv3.DeltaDiscoveryResponse{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("the stream ends with %v, want InvalidArgument", err)
	}
	if n := len(f.server.Fleet()); n != 0 {
		t.Errorf("%d Envoys in the fleet", n)
	}
}

func TestAnUnknownTypeIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.apply(listener("http"))
	c := f.starts()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type.googleapis.com/envoy.service.runtime.v3.Runtime"})
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: ""})
	c.asks(resource.Listener)
	c.takes(resource.Listener, "http")
	c.hearsNothing()
}

func TestNoncesThatNoResponseHas(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	r := c.gets(resource.Scope, "web")
	for _, nonce := range []string{"0", "-1", "999999", "x", "\x00", "18446744073709551616", r.Nonce + " "} {
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: nonce})
	}
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resource.Route.URL(), ResponseNonce: r.Nonce}) // of another type
	f.apply(host("web", "p", "2"))
	c.hearsNothing() // the response is still not answered
	c.acks(r)
	next := c.takes(resource.Scope, "web")
	c.acks(r) // once more
	c.refuses(next, "too late")
	c.hearsNothing()
	if e := f.envoy(); len(e.Refused) != 0 || !e.InSync() {
		t.Errorf("%+v", e)
	}
}

// A client that does not read its responses holds up nobody else, nor the one who applies.
func TestASlowClientHoldsUpNobody(t *testing.T) {
	f := newFixture(t)
	slow, err := discoveryv3.NewAggregatedDiscoveryServiceClient(f.conn).DeltaAggregatedResources(f.context())
	if err != nil {
		t.Fatal(err)
	}
	var big []resource.Entry
	for i := range 8 {
		e := secret(string(rune('a'+i)), "")
		e.Output.Bytes = make([]byte, 1<<20)
		big = append(big, e)
	}
	f.apply(big...)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	err = slow.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "slow", Cluster: "f"}, TypeUrl: resource.Secret.URL(), ResourceNamesSubscribe: names,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.eventually("the slow one is there", func() bool { return len(f.server.Fleet()) == 1 && f.server.Fleet()[0].Sent > 0 })
	quick := f.connect("quick")
	quick.asks(resource.Scope)
	quick.takes(resource.Scope)
	for range 100 {
		f.apply(append(big, scope("web"), host("web", "p", time.Now().String()))...)
		quick.takes(resource.Scope, "web")
	}
	if got := f.server.Fleet()[1]; got.ID != "slow" || got.InSync() {
		t.Errorf("%+v", got)
	}
}
