package xds

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// A cluster that is gone, and is sent once more because the client asks for it, is taken away when its
// drain time has passed all the same.
func TestAGoneClusterThatIsAskedForIsStillTakenAway(t *testing.T) {
	s := newScene(t, func(w *world) { w.clusters["a"] = 0 })
	clear(s.clusters)
	s.sends()
	s.e.s.subscribe(resource.Cluster, "a", true)
	s.e.answerAll()
	s.isThere(resource.Cluster, "a")
	s.passes(time.Second)
	s.e.answerAll()
	s.isGone(resource.Cluster, "a")
}

// The drain time of a cluster begins when the last thing ceases to name it, also if it was about to be
// taken away before, and what named it then was a last good version. Found by TestFleetUnderFire.
func TestDrainTimeBeginsAnew(t *testing.T) {
	s := newScene(t, func(w *world) { w.clusters["a"] = 0 })
	clear(s.clusters)
	s.sends() // its drain time of a second begins
	s.scopes["x"] = map[string]rev{"p": {clusters: []string{"a"}}}
	s.apply()
	s.e.answerAll()
	s.isNewest(resource.Scope, "x")
	s.passes(time.Second - time.Millisecond)
	clear(s.scopes)
	s.apply()
	s.e.answerAll()
	s.isGone(resource.Scope, "x")
	s.passes(time.Millisecond)
	s.e.answerAll()
	s.isThere(resource.Cluster, "a")
	s.passes(time.Second)
	s.e.answerAll()
	s.isGone(resource.Cluster, "a")
}
