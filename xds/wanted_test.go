package xds

import (
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

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
	f.wants("-cluster a", "-endpoint a", "secret s", "listener https", "scope web: the Envoy refuses p: no good")

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
