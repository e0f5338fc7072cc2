package xds

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// rule is a rule of the protocol. docs/xds.md says where each comes from.
type rule struct {
	in    string // variants: all, delta, sotw, aggregated, separate
	check func(*party)
}

func (r rule) holdsIn(v variant) bool {
	switch r.in {
	case "delta":
		return !v.sotw
	case "sotw":
		return v.sotw
	case "aggregated":
		return !v.separate
	case "separate":
		return v.separate
	}
	return true
}

var rules = map[string]rule{
	"initial_resource_versions": {"all", func(p *party) {
		p.apply(cluster("a", ""), cluster("b", ""), endpoints("a", ""), endpoints("b", ""))
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a", "b")
		p.asks(resource.Endpoint, "a", "b")
		p.takes(resource.Endpoint, "a", "b")
		p.leaves()
		p.apply(endpoints("b", "2"))
		p = p.back()
		p.returns(resource.Cluster)
		p.returns(resource.Endpoint, "a", "b")
		p.takesIn(resource.Cluster, "", "a b") // the state of the world has no way to say "nothing new"
		p.takes(resource.Endpoint, "b")
		p.hearsNothing()
	}},
	"wildcard": {"all", func(p *party) {
		p.apply(lone("a", ""), lone("b", ""))
		p.asks(resource.Cluster, "*")
		p.takes(resource.Cluster, "a", "b")
		p.apply(lone("c", ""))
		p.takesIn(resource.Cluster, "c", "a b c")
		p.drops(resource.Cluster, "*")
		p.subscribed(resource.Cluster, false, 0)
		p.apply(lone("d", ""))
		p.hearsNothing()
	}},
	"legacy_wildcard": {"all", func(p *party) {
		p.apply(listener("a"), scope("s"))
		p.asks(resource.Listener)
		p.takes(resource.Listener, "a")
		p.asks(resource.Scope)
		p.takes(resource.Scope, "s")
		p.apply(listener("b"))
		p.takesIn(resource.Listener, "b", "a b")
		p.asks(resource.Secret) // not a type that has it
		p.apply(secret("s", ""))
		p.hearsNothing()
	}},
	"from_legacy_wildcard_to_names": {"all", func(p *party) {
		p.apply(lone("a", ""), lone("b", ""))
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a", "b")
		p.names[resource.Cluster] = []string{"*"} // as the specification's example goes on
		p.asks(resource.Cluster, "a")
		p.takesIn(resource.Cluster, "a", "a b")
		p.drops(resource.Cluster, "*")
		p.asks(resource.Cluster, "c")
		p.takesIn(resource.Cluster, "-c", "a")
		p.apply(lone("b", "2")) // of no interest any more
		p.apply(lone("a", "2"))
		p.takes(resource.Cluster, "a")
		p.drops(resource.Cluster, "a", "c")
		p.send(resource.Cluster, saying{url: resource.Cluster.URL()}) // not all: a name was there before
		p.subscribed(resource.Cluster, false, 0)
		p.apply(lone("a", "3"))
		p.hearsNothing()
	}},
	"from_names_to_wildcard": {"all", func(p *party) {
		p.apply(lone("a", ""), lone("b", ""))
		p.asks(resource.Cluster, "a")
		p.takes(resource.Cluster, "a")
		p.asks(resource.Cluster, "*")
		p.takesIn(resource.Cluster, "b", "a b")
		p.hearsNothing()
	}},
	"names": {"all", func(p *party) {
		p.apply(secret("s", ""), secret("t", ""), secret("u", ""))
		p.asks(resource.Secret, "s", "t")
		p.takes(resource.Secret, "s", "t")
		p.apply(secret("u", "2"))
		p.apply(secret("t", "2"))
		p.takes(resource.Secret, "t")
		p.drops(resource.Secret, "t")
		p.asks(resource.Secret, "u")
		p.takes(resource.Secret, "u")
		p.apply(secret("t", "3"))
		p.hearsNothing()
	}},
	"a_known_name_again": {"all", func(p *party) {
		p.apply(secret("s", ""))
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		if p.sotw { // there it is new only if it was not in the list
			p.drops(resource.Secret, "s")
		}
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		p.hearsNothing()
	}},
	"a_missing_name": {"all", func(p *party) {
		p.asks(resource.Secret, "s")
		p.takesIn(resource.Secret, "-s", "")
		p.asks(resource.Listener, "l") // of a type of which there is a state of the world
		p.takesIn(resource.Listener, "-l", "")
		p.apply(secret("s", ""))
		p.takes(resource.Secret, "s")
		p.apply(listener("l"))
		p.takes(resource.Listener, "l")
		p.hearsNothing()
	}},
	"removed": {"all", func(p *party) {
		p.apply(listener("a"), listener("b"))
		p.asks(resource.Listener)
		p.takes(resource.Listener, "a", "b")
		p.apply(gone(listener("b").Key))
		p.takesIn(resource.Listener, "-b", "a")
		p.apply(gone(listener("a").Key))
		p.takesIn(resource.Listener, "-a", "")
		p.hearsNothing()
	}},
	"removed_while_away": {"all", func(p *party) {
		p.apply(listener("a"), listener("b"))
		p.asks(resource.Listener)
		p.takes(resource.Listener, "a", "b")
		p.leaves()
		p.apply(gone(listener("b").Key))
		p = p.back()
		p.returns(resource.Listener)
		p.takesIn(resource.Listener, "-b", "a")
		p.hearsNothing()
	}},
	"unsubscribed_and_still_in_the_wildcard": {"delta", func(p *party) {
		p.apply(lone("a", ""))
		p.asks(resource.Cluster, "*", "a", "x")
		p.takes(resource.Cluster, "-x")
		p.takes(resource.Cluster, "a")
		p.drops(resource.Cluster, "a")
		p.takes(resource.Cluster, "a")
		p.drops(resource.Cluster, "x")
		p.takes(resource.Cluster, "-x")
		p.drops(resource.Cluster, "x", "y") // nothing that it was subscribed to
		p.hearsNothing()
	}},
	"stale_nonces": {"all", func(p *party) {
		p.apply(secret("s", ""), secret("t", ""))
		p.asks(resource.Secret, "s")
		r := p.gets(resource.Secret, "s")
		names := []string{"s", "t"}
		p.names[resource.Secret] = names
		for _, nonce := range []string{"999", "x", r.nonce + "0"} {
			p.send(resource.Secret, saying{url: r.url, add: []string{"t"}, names: names, nonce: nonce, refusal: "late"})
		}
		p.acks(resource.Secret, r)
		next := p.takes(resource.Secret, "t")
		p.refuses(resource.Secret, r) // late: a later one has been answered
		p.acks(resource.Secret, next) // once more
		p.apply(secret("s", "2"))
		p.takes(resource.Secret, "s")
		if got := p.refusals(); len(got) > 0 {
			p.Errorf("refused: %v", got)
		}
		p.hearsNothing()
	}},
	"no_name_twice": {"all", func(p *party) {
		p.apply(lone("a", ""), lone("b", ""), secret("s", ""))
		p.asks(resource.Secret, "s", "s")
		p.takes(resource.Secret, "s")
		p.asks(resource.Cluster, "*", "a", "a")
		p.takes(resource.Cluster, "a", "b")
		p.hearsNothing()
	}},
	"endpoints_follow_a_changed_cluster": {"all", func(p *party) {
		p.apply(cluster("a", ""), cluster("b", ""), endpoints("a", ""), endpoints("b", ""))
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a", "b")
		p.asks(resource.Endpoint, "a", "b")
		p.takes(resource.Endpoint, "a", "b")
		p.apply(cluster("b", "2"))
		p.takesIn(resource.Cluster, "b", "a b")
		if p.separate { // the client begins a stream for the cluster: another answers
			other := p.newParty(p.variant, p.id)
			other.asks(resource.Endpoint, "b")
			other.takes(resource.Endpoint, "b")
			other.hearsNothing()
		} else {
			p.takes(resource.Endpoint, "b")
		}
		p.hearsNothing()
	}},
	"every_endpoint_subscription": {"all", func(p *party) {
		p.apply(endpoints("empty", ""))
		p.asks(resource.Endpoint, "unknown", "empty")
		r := p.takes(resource.Endpoint, "empty", "unknown")
		if n := len(r.messages["unknown"].(*endpointv3.ClusterLoadAssignment).Endpoints); n != 0 {
			p.Errorf("%d endpoints", n)
		}
		p.apply(endpoints("unknown", ""))
		p.takes(resource.Endpoint, "unknown")
		p.hearsNothing()
	}},
	"endpoints_that_a_returning_client_may_use": {"all", func(p *party) {
		p.apply(endpoints("a", ""))
		p.asks(resource.Endpoint, "a")
		p.takes(resource.Endpoint, "a")
		p.leaves()
		p = p.back()
		p.returns(resource.Endpoint, "a", "gone")
		p.takesIn(resource.Endpoint, "-gone", "") // not an empty assignment, which would be taken
		p.hearsNothing()
	}},
	"a_sign_of_life_after_a_reconnect": {"all", func(p *party) {
		p.apply(cluster("a", ""), endpoints("a", ""))
		p.asks(resource.Listener)
		p.takes(resource.Listener) // an Envoy that starts waits for it
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a")
		p.asks(resource.Endpoint, "a")
		p.takes(resource.Endpoint, "a")
		p.leaves()
		p = p.back()
		p.returns(resource.Cluster)
		p.takesIn(resource.Cluster, "", "a")
		p.returns(resource.Endpoint, "a")
		p.hearsNothing()
	}},
	"answers_are_by_type": {"all", func(p *party) {
		p.apply(secret("s", ""), listener("l"))
		p.asks(resource.Secret, "s")
		r := p.gets(resource.Secret, "s")
		p.asks(resource.Listener)
		p.takes(resource.Listener, "l") // not held up by the other
		p.apply(secret("s", "2"), listener("m"))
		l := p.getsIn(resource.Listener, "m", "l m")
		p.refuses(resource.Listener, l)
		p.eventually("the listener is refused", func() bool { return slices.Equal(p.refusals(), []string{"listener m"}) })
		p.acks(resource.Secret, r)
		p.takes(resource.Secret, "s")
		p.eventually("only it", func() bool { return slices.Equal(p.refusals(), []string{"listener m"}) })
	}},
	"no_answer_to_an_answer": {"all", func(p *party) {
		p.apply(lone("a", ""), secret("s", ""))
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a")
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		p.apply(secret("s", ""), lone("a", "")) // the same bytes
		p.hearsNothing()
	}},
	"a_refusal": {"all", func(p *party) {
		p.apply(secret("s", ""))
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		p.apply(secret("s", "2"))
		p.refuses(resource.Secret, p.gets(resource.Secret, "s"))
		p.eventually("it is known", func() bool { return slices.Equal(p.refusals(), []string{"secret s"}) })
		p.takes(resource.Secret, "s") // the last good version: it may have taken some of the other
		p.apply(secret("s", "3"))
		p.takes(resource.Secret, "s")
		p.eventually("it is over", func() bool { return len(p.refusals()) == 0 })
		p.hearsNothing()
	}},
	"one_change_one_resource": {"all", func(p *party) {
		p.apply(lone("a", ""), lone("b", ""), secret("s", ""), secret("t", ""))
		p.asks(resource.Cluster)
		p.takes(resource.Cluster, "a", "b")
		p.asks(resource.Secret, "s", "t")
		p.takes(resource.Secret, "s", "t")
		p.apply(lone("b", "2"))
		p.takesIn(resource.Cluster, "b", "a b")
		p.apply(secret("t", "2"))
		p.takes(resource.Secret, "t")
		p.hearsNothing()
	}},
	"clusters_on_demand": {"all", func(p *party) {
		p.apply(lone("a", ""))
		p.asks(resource.Cluster, "*")
		p.takes(resource.Cluster, "a")
		p.asks(resource.Cluster, "x")
		p.takesIn(resource.Cluster, "-x", "a")
		p.apply(lone("x", ""))
		p.takesIn(resource.Cluster, "x", "a x")
		p.asks(resource.Cluster, "x")
		if !p.sotw {
			p.takes(resource.Cluster, "x")
		}
		p.hearsNothing()
	}},
	"virtual_hosts_on_demand": {"delta", func(p *party) {
		host := entry(key(resource.VirtualHost, "r/web"), &routev3.VirtualHost{Name: "r/web"}, resource.Output{})
		p.apply(host)
		p.asks(resource.VirtualHost, "r/web")
		p.takes(resource.VirtualHost, "r/web")
		p.asks(resource.VirtualHost, "r/other")
		r := p.takes(resource.VirtualHost, "r/other")
		if r.messages["r/other"] != nil || !slices.Equal(r.aliases, []string{"r/other"}) {
			p.Errorf("%+v, want an alias without a body", r)
		}
		host.Key.Name = "r/other"
		p.apply(entry(host.Key, &routev3.VirtualHost{Name: "r/other"}, resource.Output{}))
		p.takes(resource.VirtualHost, "r/other")
		p.apply(gone(host.Key))
		p.takes(resource.VirtualHost, "-r/other")
		p.hearsNothing()
	}},
	"the_node_once": {"all", func(p *party) {
		p.apply(secret("s", ""))
		p.asks(resource.Secret, "x") // parties send it with the first request of a stream only
		p.takesIn(resource.Secret, "-x", "")
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		if e := p.envoy(); e.ID != "e" || e.Fleet != "f" {
			p.Errorf("%+v", e)
		}
		p.hearsNothing()
	}},
	"the_control_plane_says_who_it_is": {"all", func(p *party) {
		p.apply(secret("s", ""))
		p.asks(resource.Secret, "s")
		if r := p.takes(resource.Secret, "s"); r.from.GetIdentifier() != "gateway-cp" {
			p.Errorf("it is %v", r.from)
		}
		p.asks(resource.Cluster)
		if r := p.takes(resource.Cluster); r.from.GetIdentifier() != "gateway-cp" {
			p.Errorf("it is %v", r.from)
		}
		p.hearsNothing()
	}},
	"no_time_to_live": {"all", func(p *party) {
		p.apply(secret("s", ""))
		p.asks(resource.Secret, "s")
		if r := p.takes(resource.Secret, "s"); r.ttl { // with one, or wrapped for one, add fails
			p.Error("there is one")
		}
		p.pass(48 * 60 * 60 * 1e9)
		p.hearsNothing() // so no heartbeats, either
	}},
	"the_type_of_a_service": {"separate", func(p *party) {
		p.apply(secret("s", ""))
		p.send(resource.Secret, saying{add: []string{"s"}, names: []string{"s"}}) // it may be left out
		p.takes(resource.Secret, "s")
		p.send(resource.Secret, saying{url: resource.Cluster.URL()})
		p.ends(resource.Secret, "this service is for "+resource.Secret.URL())
	}},
	"an_unknown_type": {"aggregated", func(p *party) {
		p.apply(secret("s", ""))
		p.send(0, saying{url: "type.googleapis.com/envoy.service.runtime.v3.Runtime"})
		p.asks(resource.Secret, "s")
		p.takes(resource.Secret, "s")
		p.hearsNothing()
	}},
}

// lone is a cluster that needs no endpoints.
func lone(name, revision string) resource.Entry {
	e := cluster(name, revision)
	e.Output.Fetches = nil
	return e
}

// TestProtocol holds every rule of the protocol against the server, over gRPC.
func TestProtocol(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		t.Run(name, func(t *testing.T) {
			for _, v := range allVariants {
				if rules[name].holdsIn(v) {
					t.Run(v.String(), func(t *testing.T) { rules[name].check(newFixture(t).newParty(v, "e")) })
				}
			}
		})
	}
}

// Every rule that docs/xds.md lists has a test in the variants that it names, and the reverse.
func TestTheRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/xds.md")
	must(t, err)
	row := regexp.MustCompile("(?m)^\\|.*\\]\\(https://www\\.envoyproxy\\.io/[^)]+\\) \\| ([a-z ]+) \\| `TestProtocol/([a-z_]+)` \\|$")
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		documented[m[2]] = m[1]
	}
	if n := strings.Count(string(page), "`TestProtocol/"); n != len(documented) {
		t.Errorf("docs/xds.md has %d rows with tests, of which %d can be read", n, len(documented))
	}
	for name, in := range documented {
		if r, ok := rules[name]; !ok {
			t.Errorf("docs/xds.md names the rule %s, which has no test", name)
		} else if r.in != in {
			t.Errorf("docs/xds.md says that %s holds in %q; it is tested in %q", name, in, r.in)
		}
	}
	for name := range rules {
		if documented[name] == "" {
			t.Errorf("the rule %s is not in docs/xds.md", name)
		}
	}
}
