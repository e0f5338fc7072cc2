package xds

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// What is meant for gRPC clients without an Envoy reaches no Envoy: not one that asks for every
// listener, nor one that asks for the name.
func TestProxylessIsForGRPCClientsAlone(t *testing.T) {
	f := newFixture(t)
	api := listener("web.shop:80")
	api.Key.Audience = resource.OfProxyless("f")
	f.apply(listener("0.0.0.0:80"), api)
	e := f.starts()
	e.asks(resource.Listener)
	e.takes(resource.Listener, "0.0.0.0:80")
	e.asks(resource.Listener, "web.shop:80")
	e.takes(resource.Listener, "-web.shop:80")

	of := func(fleet string) *deltaClient {
		return f.connectAs(&corev3.Node{Id: "program", Cluster: fleet, UserAgentName: "gRPC Go"})
	}
	program := of("f")
	program.asks(resource.Listener, "web.shop:80")
	program.takes(resource.Listener, "web.shop:80")
	other := of("another")
	other.asks(resource.Listener, "web.shop:80")
	other.takes(resource.Listener, "-web.shop:80")
	f.apply(gone(api.Key))
	program.takes(resource.Listener, "-web.shop:80")
	e.hearsNothing()
}

// A gRPC client asks for clusters when its routes name them, so nothing waits for it to have one, and
// the streams of one program, under one id, are no two Envoys with the same.
func TestProxylessClientsAreNoEnvoys(t *testing.T) {
	f := newFixture(t)
	e := f.starts()
	f.apply(cluster("web", ""), endpoints("web", ""))
	e.takes(resource.Cluster, "web")
	for range 2 {
		program := f.connectAs(&corev3.Node{Id: "program", Cluster: "f", UserAgentName: "gRPC Go"})
		program.asks(resource.Cluster, "web")
		program.takes(resource.Cluster, "web")
	}
	f.ahead.Add(int64(2 * twinPatience))
	if all := f.server.Fleet(); len(all) != 3 || all[1].Twin || all[2].Twin {
		t.Errorf("the fleet is %+v", all)
	}
	if ids, _ := f.server.Twins(); len(ids) > 0 {
		t.Errorf("twins %v", ids)
	}
	if on := f.server.Cluster("web"); len(on) != 1 || on[0].Envoy != "e" {
		t.Errorf("the cluster is on %+v", on)
	}
	if nodes := f.server.Nodes(); len(nodes) != 1 || nodes[0].ID != "e" {
		t.Errorf("nodes %+v", nodes)
	}
}
