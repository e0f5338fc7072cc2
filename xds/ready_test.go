package xds

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Clusters were changed in place, and their endpoints are refused and then gone. Envoy waits for an
// answer about them, and acknowledges no cluster before it comes.
func TestChangedClustersAreNotLeftWaiting(t *testing.T) {
	for _, refused := range []bool{false, true} {
		s := newScene(t, func(w *world) { w.clusters["a"], w.clusters["b"] = 0, 0 })
		s.taken = allButFaults // of the clusters
		s.clusters["a"], s.clusters["b"] = 2, 2
		s.refuses(resource.Key{Type: resource.Endpoint, Name: "a"})
		s.refuses(resource.Key{Type: resource.Endpoint, Name: "b"})
		if refused { // the clusters, too, though they are taken
			s.clusters["bad"] = 0
			s.refuses(part(resource.Cluster, "bad", ""))
		}
		s.sends()
		for len(s.e.mail) > 0 {
			s.e.open()
		}
		clear(s.clusters)
		s.apply()
		s.e.answerAll()
		s.owesNothing()
		s.passes(time.Minute)
		s.e.answerAll()
		s.isGone(resource.Cluster, "a")
		s.isGone(resource.Cluster, "b")
	}
}

// A cluster is sent once more whose endpoints the Envoy has never had: it is told that there are none,
// rather than left waiting for them. Found by TestFleetUnderFire.
func TestAClusterWithoutEndpointsThatIsSentAgainIsNotLeftWaiting(t *testing.T) {
	s := newScene(t, func(w *world) { w.clusters["a"] = 0 })
	delete(s.e.recorded[resource.Endpoint], "a")
	clear(s.clusters)
	s.apply()
	s.reconnects()
	s.e.answerAll()
	s.e.s.subscribe(resource.Cluster, "a", true)
	s.e.answerAll()
	s.owesNothing()
}

// Endpoints say that their cluster is warm unless the Envoy may have a version of it that is to be
// health-checked first: also if it has that of an earlier stream, and of a response that it refused.
// Found by TestFleetUnderFire.
func TestEndpointsDoNotWarmAClusterThatMayBeChecked(t *testing.T) {
	s := newScene(t, func(*world) {})
	s.taken = allButFaults
	s.clusters["a"], s.clusters["bad"] = 1, 0 // revision 1 is checked
	s.refuses(part(resource.Cluster, "bad", ""))
	s.sends()
	s.e.open()
	s.isNewest(resource.Cluster, "a")

	s.taken = nothing
	s.clusters["a"] = 2 // and is not now, but that version is not taken
	s.scopes["x"] = map[string]rev{"p": {clusters: []string{"a"}}}
	s.apply()
	s.reconnects()
	s.e.answerAll() // the promise is checked with each
	s.e.bad = map[hash]bool{}
	for range 3 {
		s.e.checkHealth(func() int { return 1 })
		s.e.answerAll()
	}
	s.isNewest(resource.Cluster, "a")
	s.isNewest(resource.Scope, "x")
}
