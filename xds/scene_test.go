package xds

import (
	"fmt"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// scene is a server's store and one virtual Envoy, to which happens what a test says and nothing by
// chance. What virtual Envoys check of themselves holds here, too.
type scene struct {
	*testing.T
	*world
	e     *envoy
	store *store
	clock time.Time
	have  map[resource.Key]*resource.Output
	// taken is what the Envoy takes of a response that it refuses: nothing, or all but the fault.
	taken int
}

const (
	nothing      = 0
	allButFaults = 1
)

// newScene builds a world, and has an Envoy take everything of it.
func newScene(t *testing.T, build func(w *world)) *scene {
	t.Helper()
	s := &scene{T: t, world: newWorld(nil, nil), store: newStore(), clock: time.Unix(1e9, 0)}
	build(s.world)
	s.apply()
	s.e = unconnected(s, func() *session { return s.stream(nil) })
	s.e.now = func() time.Time { return s.clock }
	s.e.connect()
	s.e.answerAll()
	return s
}

// pick makes the scene a chance that always decides the same.
func (s *scene) pick(_ int, what string) int {
	if what == takenOfRefused {
		return s.taken
	}
	return 0
}

// stream is the session of a new stream of the Envoy, after an earlier one or nil.
func (s *scene) stream(earlier *session) *session {
	return newSession(s.store, Node{ID: "e", Fleet: "f"}, func() time.Time { return s.clock }, earlier)
}

// apply has the store take in the world as it is.
func (s *scene) apply() {
	want := s.entries()
	s.store.apply(diff(s.have, want), s.clock)
	s.have = want
}

// sends is apply, and puts into the mail what the Envoy is sent.
func (s *scene) sends() {
	s.apply()
	s.e.drain()
}

// reconnects has the Envoy lose what is on its way, and come back to the server.
func (s *scene) reconnects() {
	last := s.e.s
	s.e.mk = func() *session { return s.stream(last) }
	s.e.connect()
}

// passes lets time pass, after which the Envoy is sent what is due.
func (s *scene) passes(d time.Duration) {
	s.clock = s.clock.Add(d)
	s.e.drain()
}

// refuses has the Envoy refuse a content from now on: "scope/x/p 2", say.
func (s *scene) refuses(k resource.Key) {
	s.Helper()
	out := s.entries()[k]
	if out == nil {
		s.Fatalf("there is no %v", k)
	}
	s.e.bad[hashOf(out.Bytes)] = true
}

// isNewest fails unless the Envoy has what the store has.
func (s *scene) isNewest(t resource.Type, name string) {
	s.Helper()
	want, has := s.store.find(s.e.s.audiences, t, name), s.e.has[t][name]
	if want == nil || has == nil || has.version != want.version {
		s.Errorf("of %s %s the Envoy has %s, and shall have %s", t, name, contentOf(has), contentOf(want))
	}
}

// isGone fails if the Envoy has a resource.
func (s *scene) isGone(t resource.Type, name string) {
	s.Helper()
	if has := s.e.has[t][name]; has != nil {
		s.Errorf("%s %s is still there: %s", t, name, contentOf(has))
	}
}

// isThere fails if the Envoy does not have a resource.
func (s *scene) isThere(t resource.Type, name string) {
	s.Helper()
	if s.e.has[t][name] == nil {
		s.Errorf("%s %s is not there", t, name)
	}
}

// owesNothing fails if the Envoy withholds an answer, as it does for clusters while one of them waits
// for endpoints.
func (s *scene) owesNothing() {
	s.Helper()
	if len(s.e.answers) > 0 {
		s.Errorf("the Envoy has not answered %+v; endpoints came for %v", s.e.answers, s.e.edsFor)
	}
}

// contentOf is a version of a resource, readable.
func contentOf(c *composed) string {
	text := ""
	c.contents(func(p *content) { text += fmt.Sprintf("[%s]", p.output.Bytes) })
	return text
}

// part is the key of a part.
func part(t resource.Type, name, part string) resource.Key {
	return resource.Key{Type: t, Audience: audience, Name: name, Part: part}
}

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
