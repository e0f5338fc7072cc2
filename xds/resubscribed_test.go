package xds

import (
	"slices"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// aRoute is a world with one route configuration that a listener names, to a cluster "old".
func aRoute(w *world) {
	w.clusters["old"] = 0
	w.listeners["l"] = "r"
	w.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}}}
}

// movesTo has the route configuration send its traffic to another cluster.
func (s *scene) movesTo(cluster string, revision int) {
	delete(s.clusters, "old")
	s.clusters[cluster] = revision
	s.routes["r"] = map[string]rev{"p": {clusters: []string{cluster}}}
}

// An Envoy whose listeners cease to name a route configuration and then name it again drops it,
// asks for it again, and takes the response which was on its way all the time. The clusters that
// the response names stay until the routes have moved on. Found by TestFleetUnderFire.
func TestWhatIsOnItsWayToOneThatAsksAgainCounts(t *testing.T) {
	s := newScene(t, aRoute)
	s.isNewest(resource.Route, "r")
	s.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}, revision: 1}}
	s.sends()
	s.e.s.unsubscribe(resource.Route, "r")
	s.e.s.subscribe(resource.Route, "r", true)
	s.movesTo("new", 0)
	s.apply()
	s.e.open()
	s.e.reply()
	s.passes(time.Hour) // before "new" is warm
	for _, r := range s.e.mail {
		if slices.Contains(r.removed, "old") {
			t.Fatal("cluster old is taken away, though the routes that are on their way name it")
		}
	}
	for range 3 {
		s.e.answerAll()
		s.passes(time.Hour)
	}
	s.e.answerAll()
	s.isNewest(resource.Route, "r")
	s.isGone(resource.Cluster, "old")
}

// An Envoy that drops a route configuration, ignores the response with it that is on its way, and
// asks for it again before its answer arrives does not have what was in the response, though it
// acknowledges it. Found by TestFleetUnderFire.
func TestWhatWasIgnoredIsNotWhatItHas(t *testing.T) {
	s := newScene(t, aRoute)
	s.routes["r"] = map[string]rev{"p": {clusters: []string{"old"}, revision: 1}}
	s.sends()

	s.e.put(resource.Route, "r", nil)
	delete(s.e.routes, "r")
	s.e.s.unsubscribe(resource.Route, "r")
	s.e.open()          // and ignores it
	s.movesTo("new", 1) // with health checks: it takes a while to warm
	s.sends()
	s.passes(time.Hour)
	s.e.routes["r"] = true
	s.e.s.subscribe(resource.Route, "r", true)
	for range 5 { // the promise is checked with each
		s.e.answerAll()
		s.e.checkHealth(func() int { return 1 })
		s.passes(time.Hour)
	}
	s.isNewest(resource.Route, "r")
	s.isGone(resource.Cluster, "old")
}

// What is gone is removed, also if the client was to get it once more; and a response has either
// versions or removals. Found by TestFleetUnderFire.
func TestWhatIsGoneIsNotSentOnceMore(t *testing.T) {
	s := newScene(t, func(w *world) {
		w.scopes["x"] = map[string]rev{"p": {}}
		w.scopes["y"] = map[string]rev{"p": {}}
	})
	scopes := s.e.s.sub(resource.Scope)
	scopes.ids(scopes.force)
	clear(s.scopes)
	s.apply()
	s.e.answerAll()
	s.isGone(resource.Scope, "x")
	s.isGone(resource.Scope, "y")
}
