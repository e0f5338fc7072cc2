package xds

import (
	"slices"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// An Envoy whose listeners cease to name a route configuration and then name it again drops it,
// asks for it again, and takes the response which was on its way all the time. The clusters that
// the response names stay until the routes have moved on. Found by TestFleetUnderFire.
func TestWhatIsOnItsWayToOneThatAsksAgainCounts(t *testing.T) {
	now := time.Unix(1e9, 0)
	store := newStore()
	w := newWorld(nil, nil)
	w.clusters["old"] = 0
	w.listeners["l"] = "r"
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}}}
	have := map[resource.Key]*resource.Output{}
	apply := func() {
		want := w.entries()
		store.apply(diff(have, want), now)
		have = want
	}
	apply()
	e := newEnvoy(chanceless{t}, func() *session { return newSession(store, Node{Fleet: "f"}, func() time.Time { return now }, nil) })
	e.answerAll()
	if e.has[resource.Route]["r"] == nil {
		t.Fatal("the route configuration has not come")
	}

	w.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}, revision: 1}}
	apply()
	e.drain() // and the new version is on its way
	e.s.unsubscribe(resource.Route, "r")
	e.s.subscribe(resource.Route, "r", true)
	delete(w.clusters, "old")
	w.clusters["new"] = 0
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"new"}}}
	apply()
	e.open()
	e.reply()
	now = now.Add(time.Hour)
	e.drain() // before "new" is warm
	for _, r := range e.mail {
		if slices.Contains(r.removed, "old") {
			t.Fatal("cluster old is taken away, though the routes that are on their way name it")
		}
	}
	for range 3 {
		e.answerAll()
		now = now.Add(time.Hour)
		e.drain()
	}
	if has := e.has[resource.Route]["r"]; has == nil || string(has.parts[0].output.Bytes) != string(have[resource.Key{Type: resource.Route, Audience: audience, Name: "r", Part: "p"}].Bytes) {
		t.Errorf("the newest routes have not come: %+v", has)
	}
	if e.has[resource.Cluster]["old"] != nil {
		t.Error("cluster old is still there, though nothing names it")
	}
}

// An Envoy that drops a route configuration, ignores the response with it that is on its way, and
// asks for it again before its answer arrives does not have what was in the response, though it
// acknowledges it. Found by TestFleetUnderFire.
func TestWhatWasIgnoredIsNotWhatItHas(t *testing.T) {
	now := time.Unix(1e9, 0)
	store := newStore()
	w := newWorld(nil, nil)
	w.clusters["old"] = 0
	w.listeners["l"] = "r"
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}}}
	have := map[resource.Key]*resource.Output{}
	apply := func() {
		want := w.entries()
		store.apply(diff(have, want), now)
		have = want
	}
	apply()
	e := newEnvoy(chanceless{t}, func() *session { return newSession(store, Node{Fleet: "f"}, func() time.Time { return now }, nil) })
	e.answerAll()
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}, revision: 1}}
	apply()
	e.drain()

	e.put(resource.Route, "r", nil)
	delete(e.routes, "r")
	e.s.unsubscribe(resource.Route, "r")
	e.open() // and ignores it
	delete(w.clusters, "old")
	w.clusters["new"] = 1 // with health checks: it takes a while to warm
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"new"}}}
	apply()
	e.drain()
	now = now.Add(time.Hour)
	e.drain()
	e.routes["r"] = true
	e.s.subscribe(resource.Route, "r", true)
	for range 5 { // the promise is checked with each
		e.answerAll()
		e.checkHealth(func() int { return 1 })
		now = now.Add(time.Hour)
	}
	if has := e.has[resource.Route]["r"]; has == nil || has.version != store.find(e.s.audiences, resource.Route, "r").version {
		t.Errorf("the newest routes have not come: %+v", has)
	}
	if e.has[resource.Cluster]["old"] != nil {
		t.Error("cluster old is still there, though nothing names it")
	}
}

// What is gone is removed, also if the client was to get it once more; and a response has either
// versions or removals. Found by TestFleetUnderFire.
func TestWhatIsGoneIsNotSentOnceMore(t *testing.T) {
	now := time.Unix(1e9, 0)
	store := newStore()
	w := newWorld(nil, nil)
	w.scopes["x"] = map[string]rev{"p": {}}
	w.scopes["y"] = map[string]rev{"p": {}}
	have := w.entries()
	store.apply(diff(nil, have), now)
	e := newEnvoy(chanceless{t}, func() *session { return newSession(store, Node{Fleet: "f"}, func() time.Time { return now }, nil) })
	e.answerAll()
	scopes := e.s.sub(resource.Scope)
	scopes.ids(scopes.force)
	store.apply(diff(have, nil), now)
	e.answerAll()
	if len(e.has[resource.Scope]) != 0 {
		t.Errorf("scopes are still there: %v", e.has[resource.Scope])
	}
}

// chanceless is for an Envoy with which nothing happens by chance.
type chanceless struct{ *testing.T }

func (chanceless) pick(int, string) int { return 0 }

// answerAll takes in and answers everything.
func (e *envoy) answerAll() {
	e.drain()
	for n := 0; len(e.mail)+len(e.answers) > 0; n++ {
		if n == 1000 {
			e.t.Fatal("the session does not stop talking")
		}
		e.open()
		e.drain()
		e.reply()
		if len(e.mail) == 0 && n > 100 {
			return // the answers of clusters, which wait for a round of checks
		}
	}
}
