package xds

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/gateway-cp/gateway-cp/resource"
)

// summary writes what is wanted in one line each.
func summary(all []Wanted) string {
	var lines []string
	for _, w := range all {
		line := w.Type.String() + " " + w.Name
		if len(w.Message) == 0 && w.Version == "" {
			line = "-" + line
		}
		if w.Kept != "" {
			line += " kept: " + w.Kept
		}
		if len(w.Why) > 0 {
			line += ": " + strings.Join(w.Why, "; ")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (f *fixture) wants(want ...string) {
	f.Helper()
	text := strings.Join(want, "\n")
	got := ""
	f.eventually("wanted: "+text, func() bool {
		all := f.server.Wanted("e")
		if len(all) != 1 {
			return false
		}
		if next := summary(all[0].Resources); next != got {
			got = next
			f.Logf("wanted is\n%s", got)
		}
		return got == text
	})
}

func TestWhatAnEnvoyShallHave(t *testing.T) {
	f := newFixture(t)
	other := secret("other", "")
	other.Key.Audience = resource.OfFleet("g")
	f.apply(cluster("a", ""), endpoints("a", ""), endpoints("of nobody", ""), scope("web"), host("web", "p", "1", "a"),
		listener("https", resource.Ref{Type: resource.Secret, Name: "s"}), secret("s", ""), other)
	c := f.starts("a")
	c.asks(resource.Scope)
	c.takes(resource.Scope, "web")
	f.wants("cluster a", "endpoint a", "secret s: the Envoy asks for it once it has what names it",
		"listener https: the Envoy has not asked for resources of this type", "scope web")
	c.asks(resource.Listener)
	c.takes(resource.Listener, "https")
	c.asks(resource.Secret, "s")
	c.takes(resource.Secret, "s")

	f.apply(host("web", "p", "2", "b"))
	f.wants("cluster a", "endpoint a", "secret s", "listener https",
		"scope web: waits for cluster b: there is no such cluster for this Envoy")
	f.apply(host("web", "p", "3", "a"))
	r := c.gets(resource.Scope, "web")
	f.wants("cluster a", "endpoint a", "secret s", "listener https", "scope web: sent, and not acknowledged yet")
	c.refuses(r, "no good")
	c.takes(resource.Scope, "web")
	f.wants("cluster a", "endpoint a", "secret s", "listener https", "scope web: the Envoy refuses p: no good")

	f.apply(gone(cluster("a", "").Key), gone(endpoints("a", "").Key))
	f.wants("-cluster a kept: scope web sends requests to it, and is still in use there", drops("endpoint a"), "secret s", "listener https", "scope web: the Envoy refuses p: no good")

	// One that has never been here would get the same.
	whole := newWhole(listener("https", resource.Ref{Type: resource.Secret, Name: "s"}))
	all := f.server.WantedBy(nodeOf(&corev3.Node{Id: "new", Cluster: "f"})).Resources
	if got := summary(all); got != "secret s\nlistener https\nscope web" {
		t.Errorf("a new one would get\n%s", got)
	}
	i := slices.IndexFunc(all, func(w Wanted) bool { return w.Type == resource.Listener })
	if all[i].Version != whole.version || len(all[i].Message) != whole.size {
		t.Errorf("%+v", all[i])
	}
}

// drops is what is said of a resource that an Envoy drops by itself.
func drops(what string) string {
	return "-" + what + " kept: the Envoy drops it with the listener or cluster that needed it, once that is drained or replaced"
}

// What a listener needs that is being drained is no surplus, nor is a cluster that drains.
func TestWhatADrainingListenerNeeds(t *testing.T) {
	f := newFixture(t)
	l := listener("http", resource.Ref{Type: resource.Route, Name: "r"})
	a := drainingCluster("a", time.Minute)
	r := entry(key(resource.Route, "r"), &routev3.RouteConfiguration{Name: "r"}, resource.Output{Clusters: []resource.ClusterRef{{Name: "a"}}})
	f.apply(a, endpoints("a", ""), r, l)
	c := f.starts("a")
	c.asks(resource.Listener)
	c.takes(resource.Listener, "http")
	c.asks(resource.Route, "r")
	c.takes(resource.Route, "r")
	f.wants("cluster a", "endpoint a", "listener http", "route r")

	f.apply(gone(a.Key), gone(endpoints("a", "").Key), gone(r.Key), gone(l.Key))
	removed := c.gets(resource.Listener, "-http")
	f.wants("-cluster a kept: route r sends requests to it, and is still in use there", drops("endpoint a"),
		"-listener http: its removal has been sent, and not acknowledged yet", drops("route r"))
	c.acks(removed)
	f.wants("-cluster a kept: route r sends requests to it, and is still in use there", drops("endpoint a"), drops("route r"))
	c.drops(resource.Route, "r")
	f.wants("-cluster a kept: requests to it may still be running", drops("endpoint a"))
	until := f.server.Wanted("e")[0].Resources[0].Until
	if left := until.Sub(f.server.now()); left <= 0 || left > time.Minute {
		t.Errorf("it is kept for another %s", left)
	}
	f.pass(time.Minute)
	c.gets(resource.Cluster, "-a")
	f.wants("-cluster a: its removal has been sent, and not acknowledged yet", drops("endpoint a"))
}
