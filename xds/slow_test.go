package xds

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

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

// Clusters may be answered late, and still have to be read, even if nothing is sent behind them. Four
// clients read and withhold the answer, before four others that do not read.
func TestClustersThatAreNotReadAreNotWaitedFor(t *testing.T) {
	f := newFixtureWith(t, 2*time.Second)
	f.apply(cluster("a", strings.Repeat("x", 1<<20)), endpoints("a", ""))
	reads := func(v variant) string { return "reads " + v.String() }
	for _, v := range allVariants {
		p := f.newParty(v, reads(v))
		p.asks(resource.Cluster)
		p.gets(resource.Cluster, "a")
	}
	for _, v := range allVariants {
		conn, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10))
		f.must(err)
		defer conn.Close()
		stream, err := conn.NewStream(f.context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, v.method(resource.Cluster))
		f.must(err)
		node := &corev3.Node{Id: "stuck " + v.String(), Cluster: "f"}
		if v.sotw {
			f.must(stream.SendMsg(&discoveryv3.DiscoveryRequest{Node: node, TypeUrl: resource.Cluster.URL()}))
		} else {
			f.must(stream.SendMsg(&discoveryv3.DeltaDiscoveryRequest{Node: node, TypeUrl: resource.Cluster.URL()}))
		}
	}
	f.eventually("those that do not read are cut off", func() bool { return len(f.server.RefusedClients()) == len(allVariants) })
	for _, r := range f.server.RefusedClients() {
		if want := "the client has not read a response for 2s (--xds-answer-timeout)"; r.For != ForNoAnswer || r.Message != want || !strings.HasPrefix(r.ID, "stuck") {
			t.Errorf("%+v, want one that is stuck with %q", r, want)
		}
	}
	for _, v := range allVariants {
		if !slices.ContainsFunc(f.server.Nodes(), func(n Node) bool { return n.ID == reads(v) }) {
			t.Errorf("the client that %s is cut off, too", reads(v))
		}
	}
}

// What counts is that something leaves, not how much is waiting.
func TestUnreadFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnread(time.Minute)
		fired := func() bool {
			synctest.Wait()
			select {
			case <-u.tooLong.C:
				return true
			default:
				return false
			}
		}
		buffers := make([]mem.Buffer, 3)
		for i := range buffers {
			u.begin()
			buffers[i] = u.end()
		}
		for _, b := range buffers {
			if time.Sleep(50 * time.Second); fired() {
				t.Fatal("it fires although a response has left within the last minute")
			}
			b.Free()
		}
		if time.Sleep(time.Hour); fired() {
			t.Fatal("it fires although nothing waits")
		}
		u.begin()
		if time.Sleep(time.Minute - 1); fired() {
			t.Fatal("it fires too early")
		}
		if time.Sleep(time.Nanosecond); !fired() {
			t.Error("it does not fire")
		}
	})
}
