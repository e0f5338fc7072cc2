package xds

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// connectTwice gives two clients with the same node id, both with the scope "web".
func (f *fixture) connectTwice() (one, two *deltaClient) {
	f.Helper()
	f.apply(scope("web"))
	one = f.starts()
	one.asks(resource.Scope)
	one.takes(resource.Scope, "web")
	two = f.connect("e")
	two.asks(resource.Scope)
	two.takes(resource.Scope, "web")
	f.ahead.Add(int64(2 * twinDelay))
	return one, two
}

func TestTwoEnvoysWithTheSameNodeID(t *testing.T) {
	f := newFixture(t)
	one, two := f.connectTwice()
	f.apply(host("web", "p", "1"))
	one.takes(resource.Scope, "web")
	two.takes(resource.Scope, "web")
	f.eventually("both are shown, and that they are two", func() bool {
		all := f.server.Fleet()
		return len(all) == 2 && all[0].Twin && all[1].Twin && all[0].InSync() && all[1].InSync() && all[0].Peer != ""
	})
	ids, peers := f.server.Twins()
	if len(ids) != 1 || ids[0] != "e" || len(peers["e"]) != 2 {
		t.Errorf("twins %v from %v", ids, peers)
	}
	two.leave()
	f.eventually("the first is alone", func() bool {
		all := f.server.Fleet()
		return len(all) == 1 && all[0].Connected && !all[0].Twin && all[0].InSync()
	})
	one.hearsNothing()
	one.leave()
	f.eventually("gone", func() bool { return !f.envoy().Connected })
}

// An Envoy whose connection was cut comes back before that is noticed: it is no second Envoy.
func TestAnEnvoyThatComesBackIsNoTwin(t *testing.T) {
	f := newFixture(t)
	_, two := f.connectTwice()
	if ids, _ := f.server.Twins(); len(ids) != 0 {
		t.Errorf("the first has said nothing since, yet %v are twins", ids)
	}
	two.leave()
	f.eventually("one is left", func() bool { return len(f.server.Fleet()) == 1 })
	f.connect("e").asks(resource.Scope)
	f.eventually("two again", func() bool { return len(f.server.Fleet()) == 2 })
	if ids, _ := f.server.Twins(); len(ids) != 0 {
		t.Errorf("twins %v", ids)
	}
	f.ahead.Add(int64(twinPatience + time.Second)) // the first is still there: it is alive, and idle
	if ids, _ := f.server.Twins(); len(ids) != 1 {
		t.Errorf("twins %v", ids)
	}
}

// The first word of the elder of two is told at once: it has the problem logged.
func TestATwinIsNews(t *testing.T) {
	f := newFixture(t)
	one, _ := f.connectTwice()
	f.server.Observations()
	f.server.RefusalsChanged()
	one.asks(resource.Listener)
	f.eventually("news", f.server.RefusalsChanged)
	if ids, _ := f.server.Twins(); len(ids) != 1 {
		t.Errorf("twins %v", ids)
	}
}
