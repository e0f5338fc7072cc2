package xds

import (
	"testing"

	"github.com/gateway-cp/gateway-cp/resource"
)

// twoScopes is a world of which an Envoy can refuse one resource and take the other.
func twoScopes(w *world) {
	w.scopes["x"] = map[string]rev{"p": {}}
	w.scopes["y"] = map[string]rev{"p": {}}
}

// change gives the parts p of both scopes another revision.
func (s *scene) change(revision int) {
	for _, name := range []string{"x", "y"} {
		s.scopes[name] = map[string]rev{"p": {revision: revision}}
	}
}

// What an Envoy took of a response that it refused, it does not say on its next stream: it says the
// version before. If that is the newest again, it is sent nevertheless.
func TestWhatWasTakenOfARefusedResponseOutlivesTheConnection(t *testing.T) {
	for _, answered := range []bool{false, true} {
		s := newScene(t, twoScopes)
		s.taken = allButFaults
		s.change(1)
		s.refuses(part(resource.Scope, "y", "p"))
		s.sends()
		s.e.open()
		if answered {
			s.e.reply()
		}
		s.isNewest(resource.Scope, "x")
		s.change(0)
		s.apply()
		s.reconnects()
		s.e.answerAll()
		s.isNewest(resource.Scope, "x")
		s.isNewest(resource.Scope, "y")
	}
}

// An Envoy that says the newest version which it was sent has taken that, whatever came before it:
// it is sent nothing.
func TestAnEnvoyThatSaysTheNewestIsNotInDoubt(t *testing.T) {
	s := newScene(t, func(w *world) { w.clusters["c"] = 0 })
	for _, revision := range []int{2, 4} {
		s.clusters["c"] = revision
		s.sends()
	}
	for len(s.e.mail) > 0 {
		s.e.open() // and the answers are lost
	}
	s.reconnects()
	for _, r := range s.e.mail {
		if r.kind == resource.Cluster && len(r.items) > 0 {
			t.Errorf("it is sent %s %s, which it says it has", r.kind, contentOf(r.items[0]))
		}
	}
}

// But if it had said that version before it was sent the newest, which is the same, it may have what
// came in between.
func TestAVersionThatCameBackLeavesTheDoubt(t *testing.T) {
	s := newScene(t, twoScopes)
	s.taken = allButFaults
	s.change(1)
	s.refuses(part(resource.Scope, "y", "p"))
	s.sends()
	s.change(0)
	s.apply()
	s.e.open()
	s.e.reply() // it has refused revision 1, and has taken x of it; revision 0 is on its way, and is lost
	s.reconnects()
	s.e.answerAll()
	s.isNewest(resource.Scope, "x")
}

// Nor does it say anything that an Envoy has the newest version if that was on its way twice, with
// another one in between.
func TestAVersionThatWasSentTwiceLeavesTheDoubt(t *testing.T) {
	s := newScene(t, func(w *world) { w.clusters["c"], w.clusters["slow"] = 0, 1 })
	s.taken = allButFaults
	s.e.checkHealth(func() int { return 1 })
	s.e.answerAll()
	s.clusters["slow"] = 3 // which warms, so that no cluster is acknowledged
	s.clusters["c"] = 2
	s.sends()
	s.clusters["c"], s.clusters["bad"] = 4, 0
	s.refuses(part(resource.Cluster, "bad", ""))
	s.sends()
	delete(s.clusters, "bad")
	s.clusters["c"] = 2
	s.sends()
	for opened := 0; opened < 2; { // it takes 2 and says so, and 4, which it does not say
		if s.e.mail[0].kind == resource.Cluster {
			opened++
		}
		s.e.open()
	}
	s.reconnects() // before it has come to the second 2
	s.e.answerAll()
	s.isNewest(resource.Cluster, "c")
}
