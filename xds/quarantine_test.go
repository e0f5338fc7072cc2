package xds

import (
	"fmt"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// judges answers every response of a type until there is nothing more to say: refused when one
// of its resources contains the word. It gives the responses that were accepted.
func (c *deltaClient) judges(t resource.Type, word string) map[string]*discoveryv3.DeltaDiscoveryResponse {
	c.f.Helper()
	return c.judgesBy(t, func(res *discoveryv3.Resource) bool { return strings.Contains(string(res.Resource.Value), word) })
}

func (c *deltaClient) judgesBy(t resource.Type, isBad func(*discoveryv3.Resource) bool) map[string]*discoveryv3.DeltaDiscoveryResponse {
	c.f.Helper()
	has := map[string]*discoveryv3.DeltaDiscoveryResponse{}
	c.pings++
	last := fmt.Sprint("ping ", c.pings)
	c.asks(resource.Secret, last) // not answered before everything of the type is said
	quiet := 0
	for range 1000 {
		r := <-c.responses
		if r == nil {
			c.f.Fatal("the stream has ended")
		}
		if r.TypeUrl == resource.Secret.URL() {
			c.acks(r)
			if quiet++; quiet == 3 {
				return has
			}
			c.pings++
			c.asks(resource.Secret, fmt.Sprint("ping ", c.pings))
			continue
		}
		quiet = 0
		bad := ""
		for _, res := range r.Resources {
			if isBad(res) {
				bad = res.Name
			}
		}
		if bad != "" {
			c.refuses(r, "bad: "+bad)
			continue
		}
		c.acks(r)
		for _, res := range r.Resources {
			has[res.Name] = r
		}
	}
	c.f.Fatal("the server does not come to rest")
	return nil
}

// refusals gives what the only Envoy refuses, as type name part.
func (f *fixture) refusals() string {
	f.Helper()
	var all []string
	for _, r := range f.envoy().Refused {
		all = append(all, strings.TrimSpace(r.Type.String()+" "+r.Name+" "+r.Part))
	}
	return strings.Join(all, ", ")
}

func (f *fixture) refuses(want string) {
	f.Helper()
	if got := f.refusals(); got != want {
		f.Fatalf("refused: %q, want %q", got, want)
	}
}

// One bad virtual host among many in several scopes: it alone is held back.
func TestARefusedPartIsFoundAndHeldBack(t *testing.T) {
	f := newFixture(t)
	first := []resource.Entry{}
	for s := range 5 {
		name := fmt.Sprint("s", s)
		first = append(first, scope(name))
		for p := range 4 {
			first = append(first, host(name, fmt.Sprint("p", p), "1"))
		}
	}
	f.apply(first...)
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "s0", "s1", "s2", "s3", "s4")

	var second []resource.Entry
	for s := range 5 {
		for p := range 4 {
			second = append(second, host(fmt.Sprint("s", s), fmt.Sprint("p", p), "2"))
		}
	}
	f.apply(append(second, host("s3", "p2", "poison"))...)
	has := c.judges(resource.Scope, "poison")
	for s := range 5 {
		want := "p0=2 p1=2 p2=2 p3=2"
		if s == 3 {
			want = "p0=2 p1=2 p2=1 p3=2" // the last good version
		}
		c.has(has[fmt.Sprint("s", s)], fmt.Sprint("s", s), want)
	}
	f.refuses("scope s3 p2")
	r := f.envoy().Refused[0]
	if r.Message != "bad: s3" || len(r.Sources) != 1 || r.Sources[0].Name != "p2" || f.envoy().InSync() {
		t.Errorf("%+v", r)
	}
	f.apply(host("s3", "p1", "3")) // neighbours move on
	c.has(c.takes(resource.Scope, "s3"), "s3", "p0=2 p1=3 p2=1 p3=2")
	f.refuses("scope s3 p2")

	f.apply(host("s3", "p2", "4")) // healed by a change
	c.has(c.takes(resource.Scope, "s3"), "s3", "p0=2 p1=3 p2=4 p3=2")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// A new virtual host that is refused gets its fallback.
func TestARefusedPartWithoutAVersionBefore(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"), host("web", "q", "poison"))
	c := f.starts()
	c.asks(resource.Scope)
	c.has(c.judges(resource.Scope, "poison")["web"], "web", "p=1 q=503")
	f.refuses("scope web q")
	f.apply(gone(hostKey("web", "q"))) // what is gone is not refused any more
	c.has(c.takes(resource.Scope, "web"), "web", "p=1")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// A part whose fallback is refused as well is left out.
func TestARefusedFallback(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"), host("web", "q", "1", "missing"))
	c := f.starts()
	c.asks(resource.Scope)
	c.has(c.judges(resource.Scope, "503")["web"], "web", "p=1")
	f.refuses("scope web q")
	f.apply(host("web", "q", "2"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=2")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// Nothing in it is new, and still it is refused: a listener that has lost its last filter
// chain, say. The Envoy keeps what it has.
func TestARefusedLack(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"), host("web", "q", "1"), scope("x"), host("x", "p", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web", "x")
	f.apply(gone(hostKey("web", "p")), gone(hostKey("x", "p")))
	for range 3 { // together, and each of the two
		r := <-c.responses
		c.refuses(r, "a part is missing")
	}
	// It may have taken something of what it refused, so it is told once more what it has.
	again := c.takes(resource.Scope, "web", "x")
	c.has(again, "web", "p=1 q=1")
	c.has(again, "x", "p=1")
	c.hearsNothing()
	if got := f.envoy().Refused; len(got) != 2 || got[0].Message != "a part is missing" {
		t.Fatalf("%+v", got)
	}
	f.apply(host("web", "p", "2"), host("x", "q", "1"))
	c.takes(resource.Scope, "web", "x")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// Two virtual hosts that exclude each other: the first stays, the other is held back.
func TestPartsThatAreRefusedTogether(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(host("web", "q", "same"), host("web", "r", "same"))
	last := c.judgesBy(resource.Scope, func(res *discoveryv3.Resource) bool {
		return strings.Count(string(res.Resource.Value), "same") > 1
	})
	c.has(last["web"], "web", "p=1 q=same r=503")
	f.refuses("scope web r")
	f.apply(gone(hostKey("web", "q")))
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 r=503") // r is tried again after a while
	f.pass(retryTime)
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 r=same")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// A refused cluster: what names it waits, what does not moves on. The cause may lie in the
// Envoy, so it is tried again.
func TestARefusedCluster(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), scope("web"), host("web", "p", "1", "a"))
	c := f.starts("a")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.apply(cluster("a", "2"), cluster("b", "poison"), endpoints("b", ""), host("web", "p", "2", "b"), host("web", "q", "1", "a"))
	both := c.gets(resource.Cluster, "a", "b")
	c.takes(resource.Endpoint, "a")
	c.has(c.takes(resource.Scope, "web"), "web", "p=1 q=1")
	c.refuses(both, "bad b")
	c.takes(resource.Cluster, "a")
	b := c.gets(resource.Cluster, "b")
	c.takes(resource.Endpoint, "a") // it warms again
	c.refuses(b, "bad b")
	c.hearsNothing()
	f.refuses("cluster b")
	if on := f.server.Cluster("b"); len(on) != 1 || on[0].Refused != "bad b" || on[0].Warm {
		t.Errorf("%+v", on)
	}
	f.pass(retryTime / 2)
	c.hearsNothing()
	f.pass(retryTime / 2)
	c.refuses(c.gets(resource.Cluster, "b"), "still bad")
	c.hearsNothing()
	f.refuses("cluster b")
	f.pass(retryTime)
	b = c.gets(resource.Cluster, "b") // and now it is well
	c.asks(resource.Endpoint, "b")
	c.takes(resource.Endpoint, "b")
	c.has(c.takes(resource.Scope, "web"), "web", "p=2 q=1")
	c.acks(b)
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// Refused endpoints of a new cluster are answered with nothing, so that it is not waited for.
func TestRefusedEndpoints(t *testing.T) {
	f := newFixture(t)
	f.apply(cluster("a", ""), endpoints("a", ""), cluster("b", ""), endpoints("b", ""))
	c := f.connect("e")
	c.asks(resource.Cluster)
	first := c.gets(resource.Cluster, "a", "b")
	c.asks(resource.Endpoint, "a", "b")
	c.refuses(c.gets(resource.Endpoint, "a", "b"), "bad b")
	c.takes(resource.Endpoint, "a")
	c.refuses(c.gets(resource.Endpoint, "b"), "bad b")
	c.takes(resource.Endpoint, "-b")
	c.acks(first)
	c.hearsNothing()
	f.refuses("endpoint b")
	f.apply(endpoints("b", "2"))
	c.takes(resource.Endpoint, "b")
	f.apply(endpoints("b", "333"))
	c.refuses(c.gets(resource.Endpoint, "b"), "bad b")
	c.takes(resource.Endpoint, "b") // what it had
	f.refuses("endpoint b")
}

// A whole resource that the Envoy never had and refuses, and one that it has.
func TestARefusedListener(t *testing.T) {
	f := newFixture(t)
	bad := listener("bad")
	f.apply(listener("a"), bad, listener("z"))
	c := f.starts()
	c.asks(resource.Listener)
	has := c.judges(resource.Listener, "bad")
	if has["a"] == nil || has["z"] == nil || has["bad"] != nil {
		t.Errorf("has %v", has)
	}
	f.refuses("listener bad")
	f.apply(gone(bad.Key))
	c.takes(resource.Listener, "-bad") // who knows whether it has taken it
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// A listener that the Envoy never had, with one bad filter chain. Chains have no fallback, and
// a listener without any is refused as well.
func TestARefusedFilterChain(t *testing.T) {
	chain := func(part, revision string) resource.Entry {
		k := key(resource.Listener, "https")
		k.Part = part
		return entry(k, &listenerv3.Listener{FilterChains: []*listenerv3.FilterChain{{Name: part + "=" + revision}}}, resource.Output{})
	}
	f := newFixture(t)
	f.apply(listener("https"), chain("a", "1"), chain("b", "poison"), chain("c", "1"))
	c := f.starts()
	c.asks(resource.Listener)
	judge := func(res *discoveryv3.Resource) bool {
		text := string(res.Resource.Value)
		return strings.Contains(text, "poison") || !strings.Contains(text, "=")
	}
	has := c.judgesBy(resource.Listener, judge)["https"]
	if has == nil || len(has.Resources) != 1 {
		t.Fatalf("has %v; refused are %s", has, f.refusals())
	}
	text := string(has.Resources[0].Resource.Value)
	if !strings.Contains(text, "a=1") || !strings.Contains(text, "c=1") {
		t.Errorf("has %q", text)
	}
	f.refuses("listener https b")
	f.apply(chain("b", "2"))
	c.takes(resource.Listener, "https")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })

	// Alone, nothing of it is delivered; and the fault may be in the head.
	other := func(revision string) resource.Entry {
		return entry(key(resource.Listener, "other"), &listenerv3.Listener{Name: "other", StatPrefix: revision}, resource.Output{})
	}
	only := chain("a", "1")
	only.Key.Name = "other"
	f.apply(other("poison"), only)
	if has := c.judgesBy(resource.Listener, judge); has["other"] != nil {
		t.Errorf("has %v", has)
	}
	f.refuses("listener other a")
	f.apply(other("fine"))
	c.takes(resource.Listener, "other")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// A refusal is known no longer than the stream: a new one tries again.
func TestARefusalAfterReconnecting(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "1"), host("web", "q", "1"))
	c := f.starts()
	c.asks(resource.Scope)
	good := c.takes(resource.Scope, "web")
	f.apply(host("web", "p", "poison"), host("web", "q", "2"))
	has := c.judges(resource.Scope, "poison")
	c.has(has["web"], "web", "p=1 q=2")
	c.leave()
	f.eventually("gone", func() bool { return !f.envoy().Connected })

	// After a refusal Envoy forgets to say what it has of the type, or it comes with something
	// that is not known any more: the last good version is.
	for _, has := range []map[string]string{nil, versions(good), {"web": "of another process"}} {
		c = f.starts()
		c.returns(resource.Scope, has)
		c.has(c.judges(resource.Scope, "poison")["web"], "web", "p=1 q=2")
		f.refuses("scope web p")
		c.leave()
		f.eventually("gone", func() bool { return !f.envoy().Connected })
	}
}

// Nothing is known of what an Envoy has, and it refuses something new: everything stays as it
// is, rather than losing what may be good.
func TestARefusalOfAnEnvoyWithAnUnknownVersion(t *testing.T) {
	f := newFixture(t)
	f.apply(scope("web"), host("web", "p", "poison"), host("web", "q", "2"))
	c := f.starts()
	c.returns(resource.Scope, map[string]string{"web": "of another process"})
	if web := c.judges(resource.Scope, "poison")["web"]; web != nil {
		t.Errorf("it was sent %s", c.hosts(web, "web"))
	}
	f.refuses("scope web")
	f.apply(host("web", "p", "3"))
	c.has(c.takes(resource.Scope, "web"), "web", "p=3 q=2")
	f.eventually("healed", func() bool { return f.refusals() == "" && f.envoy().InSync() })
}

// memory is a Memory that outlives servers.
type memory map[resource.Key]*resource.Output

func (m memory) Recall(f func(resource.Key, *resource.Output)) error {
	for k, o := range m {
		f(k, o)
	}
	return nil
}

func (m memory) Keep(k resource.Key, o *resource.Output) error {
	if m[k] = o; o == nil {
		delete(m, k)
	}
	return nil
}

// The server is killed while an Envoy refuses parts: the last good versions of them stay, and
// their neighbours move on, whether the Envoy says what it has or (after a refusal) not.
func TestARefusalOverARestart(t *testing.T) {
	for _, says := range []bool{true, false} {
		kept := memory{}
		start := func(entries ...resource.Entry) *fixture {
			f := newFixture(t)
			if err := f.server.Remember(kept); err != nil {
				t.Fatal(err)
			}
			f.apply(entries...)
			return f
		}
		f := start(scope("web"), host("web", "p", "1"), host("web", "q", "1"), host("web", "r", "1"))
		c := f.starts()
		c.asks(resource.Scope)
		c.takes(resource.Scope, "web")
		// p has a version before, n has none but its fallback.
		bad, new := host("web", "p", "poison"), host("web", "n", "poison")
		invalid := host("web", "r", "2")
		invalid.Output.Invalid = true
		f.apply(bad, new, invalid, host("web", "q", "2"))
		has := c.judges(resource.Scope, "poison")
		c.has(has["web"], "web", "n=503 p=1 q=2 r=1")

		f = start(scope("web"), bad, new, invalid, host("web", "q", "2"))
		c = f.starts()
		if says {
			c.returns(resource.Scope, versions(has["web"]))
		} else {
			c.asks(resource.Scope)
		}
		again := c.judges(resource.Scope, "poison")
		if again["web"] != nil {
			c.has(again["web"], "web", "n=503 p=1 q=2 r=1")
		}
		f.refuses("scope web n, scope web p")
		f.apply(host("web", "q", "3"))
		c.has(c.takes(resource.Scope, "web"), "web", "n=503 p=1 q=3 r=1")
		f.apply(host("web", "p", "4"), gone(new.Key), host("web", "r", "4"))
		c.has(c.takes(resource.Scope, "web"), "web", "p=4 q=3 r=4")
		f.eventually("nothing is kept", func() bool { return f.server.store.good.empty() && f.envoy().InSync() })
		if len(kept) > 0 {
			t.Errorf("kept: %v", kept)
		}
	}
}
