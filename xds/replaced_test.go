package xds

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/resource"
)

// probed is a cluster with active health checks and 10 s to drain.
func probed(name string) resource.Entry {
	e := checkedCluster(name)
	e.Output.Drain = 10 * time.Second
	return e
}

// hostsAt are the endpoints of a cluster, by the last byte of their addresses: "12" has two, "1d" one
// that drains, "1u" one that is not checked.
func hostsAt(cluster, hosts string) resource.Entry {
	a := &endpointv3.ClusterLoadAssignment{ClusterName: cluster, Endpoints: []*endpointv3.LocalityLbEndpoints{{}}}
	for _, c := range hosts {
		all := a.Endpoints[0].LbEndpoints
		switch c {
		case 'd':
			all[len(all)-1].HealthStatus = corev3.HealthStatus_DRAINING
		case 'u':
			all[len(all)-1].GetEndpoint().HealthCheckConfig = &endpointv3.Endpoint_HealthCheckConfig{DisableActiveHealthCheck: true}
		default:
			a.Endpoints[0].LbEndpoints = append(all, &endpointv3.LbEndpoint{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
					Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
						Address: "10.0.0." + string(c), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 80},
					}}},
				}},
			})
		}
	}
	return entry(key(resource.Endpoint, cluster), a, resource.Output{})
}

// hostsIn writes the endpoints of a response as hostsAt takes them, those that are going in brackets.
func (c *deltaClient) hostsIn(r *discoveryv3.DeltaDiscoveryResponse) string {
	c.f.Helper()
	a := &endpointv3.ClusterLoadAssignment{}
	if err := proto.Unmarshal(r.Resources[0].Resource.Value, a); err != nil {
		c.f.Fatal(err)
	}
	var stay, leaving []string
	for _, l := range a.Endpoints {
		for _, e := range l.LbEndpoints {
			name := e.GetEndpoint().Address.GetSocketAddress().Address
			name = name[len(name)-1:]
			switch {
			case e.HealthStatus == corev3.HealthStatus_DEGRADED:
				leaving = append(leaving, name)
				continue
			case e.HealthStatus == corev3.HealthStatus_DRAINING:
				name += "d"
			case e.GetEndpoint().HealthCheckConfig.GetDisableActiveHealthCheck():
				name += "u"
			}
			stay = append(stay, name)
		}
	}
	if factor := a.Policy.GetOverprovisioningFactor().GetValue(); (factor == oneIsEnough) != (len(leaving) > 0) {
		c.f.Errorf("the overprovisioning factor is %d", factor)
	}
	text := strings.Join(stay, "")
	if text == "" {
		text = "-"
	}
	if len(leaving) > 0 {
		text += "(" + strings.Join(leaving, "") + ")"
	}
	return text
}

// does has endpoints change, or seconds pass ("+5"), and gives what the Envoy gets because of it; "." for
// nothing.
func (c *deltaClient) does(step string) string {
	c.f.Helper()
	do, want, _ := strings.Cut(step, ":")
	var seconds int
	if n, _ := fmt.Sscanf(do, "+%d", &seconds); n == 1 {
		c.f.pass(time.Duration(seconds) * time.Second)
	} else {
		c.f.apply(hostsAt("web", strings.Trim(do, "-")))
	}
	if want == "." {
		c.hearsNothing()
		return want
	}
	return c.hostsIn(c.takes(resource.Endpoint, "web"))
}

// What an Envoy gets when endpoints change, or time passes.
func TestReplacedEndpointsStay(t *testing.T) {
	for _, c := range []struct{ name, first, steps string }{
		{"all are replaced", "12", "34:34(12) +9:. +1:34"},
		{"some are replaced", "12", "23:23(1) +10:23"},
		{"some go, and nothing comes", "12", "1:1 +10:."},
		{"something comes, and nothing goes", "1", "12:12 +10:."},
		{"what goes while new ones are checked stays, too", "12", "123:123 3:3(12) +10:3"},
		{"and what goes after that does not", "12", "123:123 +10:. 3:3"},
		{"each has its own time", "1", "2:2(1) +5:. 3:3(12) +5:3(2) +5:3"},
		{"one that comes back", "1", "2:2(1) 1:1(2) +10:1"},
		{"with nothing in their place", "12", "34:34(12) -:- +10:."},
		{"one that drains has gone already", "1d2", "3:3(2) +10:3"},
		{"one that is not checked", "1u2", "3:3(2) +10:3"},
		{"one comes that need not be checked", "1", "2u:2u"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.apply(probed("web"), hostsAt("web", c.first))
			e := f.starts("web")
			for step := range strings.FieldsSeq(c.steps) {
				_, want, _ := strings.Cut(step, ":")
				if got := e.does(step); got != want {
					t.Fatalf("%s: the Envoy gets %s", step, got)
				}
			}
			e.hearsNothing()
			if s := f.envoy(); !s.InSync() {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Where Envoy does not check by itself, or nothing has to drain, there is nothing to wait for.
func TestEndpointsThatNeedNoCheckAreReplacedAtOnce(t *testing.T) {
	for _, c := range []resource.Entry{drainingCluster("web", 10*time.Second), checkedCluster("web")} {
		f := newFixture(t)
		f.apply(c, hostsAt("web", "12"))
		e := f.starts("web")
		if got := e.does("34:34"); got != "34" {
			t.Errorf("the Envoy gets %s", got)
		}
	}
}

// Once Envoy has said twice that all new ones are healthy, those before go. The first time may be
// about what it had before.
func TestReplacedEndpointsGoOnceTheOthersAreHealthy(t *testing.T) {
	f := newFixture(t)
	f.apply(probed("web"), hostsAt("web", "12"))
	e := f.starts("web")
	session := f.server.connected()[0].session
	says := func(healthy int) {
		t.Helper()
		session.notifyHealthy(map[string]int{"web": healthy})
		e.hearsNothing()
	}
	says(2)
	e.does("34:")
	e.hearsNothing()
	says(2) // what it had
	f.pass(replacedTwice)
	says(1)
	session.notifyHealthy(map[string]int{"web": 2})
	if got := e.hostsIn(e.takes(resource.Endpoint, "web")); got != "34" {
		t.Errorf("the Envoy gets %s", got)
	}
	if len(session.replaced.m) > 0 {
		t.Error("it is remembered")
	}
}

// An Envoy that comes back meanwhile keeps them for the time that it takes.
func TestReplacedEndpointsOfAnEnvoyThatComesBack(t *testing.T) {
	f := newFixture(t)
	f.apply(probed("web"), hostsAt("web", "12"))
	e := f.starts("web")
	f.apply(hostsAt("web", "34"))
	has := versions(e.takes(resource.Endpoint, "web"))
	e.hearsNothing()
	e.leave()
	f.eventually("it has gone", func() bool { return len(f.server.connected()) == 0 })
	e = f.connect("e")
	e.returns(resource.Cluster, map[string]string{"web": newWhole(probed("web")).version})
	e.returns(resource.Endpoint, has, "web")
	e.takes(resource.Cluster)
	e.hearsNothing()
	if got := e.does("5:"); got != "5(1234)" {
		t.Errorf("the Envoy gets %s", got)
	}
	if got := e.does("+10:"); got != "5" {
		t.Errorf("the Envoy gets %s", got)
	}
}

// An Envoy that will not have them gets the others, and is left alone.
func TestReplacedEndpointsThatAreRefused(t *testing.T) {
	f := newFixture(t)
	f.apply(probed("web"), hostsAt("web", "12"))
	e := f.starts("web")
	f.apply(hostsAt("web", "34"))
	e.refuses(e.gets(resource.Endpoint, "web"), "no")
	if got := e.hostsIn(e.takes(resource.Endpoint, "web")); got != "34" {
		t.Errorf("the Envoy gets %s", got)
	}
	e.hearsNothing()
	f.pass(10 * time.Second)
	f.eventually("the refusal is forgotten", func() bool { return len(f.envoy().Refused) == 0 })
	e.hearsNothing()
}

// A locality has the weight of now, also for endpoints that go.
func TestReplacedEndpointsTakeTheNewWeight(t *testing.T) {
	in := func(hosts, zone string, weight uint32) resource.Entry {
		e := hostsAt("web", hosts)
		a := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(e.Output.Bytes, a); err != nil {
			t.Fatal(err)
		}
		a.Endpoints[0].Locality = &corev3.Locality{Zone: zone}
		a.Endpoints[0].LoadBalancingWeight = wrapperspb.UInt32(weight)
		return entry(e.Key, a, resource.Output{})
	}
	for _, c := range []struct {
		zone string
		want uint32
	}{{"a", 70}, {"b", 30}} {
		f := newFixture(t)
		f.apply(probed("web"), in("12", "a", 30))
		e := f.starts("web")
		f.apply(in("34", c.zone, 70))
		r := e.takes(resource.Endpoint, "web")
		a := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(r.Resources[0].Resource.Value, a); err != nil {
			t.Fatal(err)
		}
		if len(a.Endpoints) != 2 || a.Endpoints[1].Locality.Zone != "a" || a.Endpoints[1].LoadBalancingWeight.GetValue() != c.want {
			t.Errorf("to zone %s: %v", c.zone, a)
		}
	}
}
