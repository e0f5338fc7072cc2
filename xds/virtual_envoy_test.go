package xds

import (
	"iter"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/resource"
)

// envoy imitates what matters of an Envoy: it warms clusters, withholds cluster
// acknowledgements while one warms, answers late, refuses, takes part of what it refuses,
// loses its connection, and comes back with what it has.
type envoy struct {
	t    chance
	s    *session
	mk   func() *session
	has  [resource.NumTypes]map[string]*composed
	warm map[string]bool
	// recorded are the versions that it will say it has on its next stream: those of responses
	// that it took as a whole. What it took of one that it refused is not in it (measured: a
	// cluster that was changed by a refused response is reported in its version before).
	recorded [resource.NumTypes]map[string]string
	// uses is how many contents that it has send traffic to a cluster; unused is since when none
	// does, by now, for clusters that had some. Without now, drain times are not checked.
	uses   map[string]int
	unused map[string]time.Time
	now    func() time.Time
	// tamper, in tests of the tests, has something else delivered than the session says, or nothing.
	// misheard is the same for its answers.
	tamper   func(*response) *response
	misheard func(answer) answer
	// mail are responses that are on their way, answers those that are to be acknowledged.
	mail    []*response // in order: it is one stream
	answers []answer
	bad     map[hash]bool // contents that this Envoy refuses
	took    map[hash]bool // those that it has had, and will never refuse
	subs    map[string]bool
	edsFor  map[string]bool // endpoints have arrived since the cluster was added or changed
	rounds  map[string]bool // a round of health checks was done since then
	routes  map[string]bool // route configurations that it has asked for
	heard   int             // responses
}

// chance decides what happens, and is told what must not have.
type chance interface {
	Fatal(...any)
	Fatalf(string, ...any)
	// pick gives a number below n.
	pick(n int, what string) int
}

// drawn is chance that rapid can shrink.
type drawn struct{ *rapid.T }

func (d drawn) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(d.T, what) }

type answer struct {
	t       resource.Type
	nonce   uint64
	message string
}

func newEnvoy(t chance, mk func() *session) *envoy {
	e := unconnected(t, mk)
	e.connect()
	return e
}

func unconnected(t chance, mk func() *session) *envoy {
	e := &envoy{
		t: t, mk: mk, warm: map[string]bool{}, bad: map[hash]bool{}, took: map[hash]bool{},
		uses: map[string]int{}, unused: map[string]time.Time{},
	}
	for i := range e.has {
		e.has[i], e.recorded[i] = map[string]*composed{}, map[string]string{}
	}
	return e
}

func (e *envoy) connect() {
	e.s = e.mk()
	e.answers = nil
	e.mail = nil
	e.subs, e.edsFor, e.rounds = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, t := range []resource.Type{resource.Cluster, resource.Listener, resource.Scope} {
		e.s.report(t, sorted(e.recorded[t]))
		e.s.subscribeAll(t)
	}
	e.s.report(resource.Endpoint, sorted(e.recorded[resource.Endpoint]))
	for _, name := range slices.Sorted(maps.Keys(e.has[resource.Cluster])) {
		e.subs[name] = true
		e.s.subscribe(resource.Endpoint, name, false)
		if e.warm[name] {
			e.edsFor[name], e.rounds[name] = true, true
		}
	}
	e.s.report(resource.Route, sorted(e.recorded[resource.Route]))
	for _, name := range slices.Sorted(maps.Keys(e.routes)) {
		e.s.subscribe(resource.Route, name, false)
	}
	e.drain()
}

// inDoubt says whether the Envoy has anything else than it will say.
func (e *envoy) inDoubt() bool {
	for t, all := range e.has {
		for name, c := range all {
			said := e.recorded[t][name]
			if said != c.version && !(said == "" && resource.Type(t) == resource.Endpoint) { // endpoints of which it says nothing are sent
				return true
			}
		}
	}
	return false
}

// sorted gives a map in order: what a seed decides must not depend on chance.
func sorted(versions map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(versions)) {
			if !yield(name, versions[name]) {
				return
			}
		}
	}
}

// drain takes what the session wants to send and puts it into the mail.
func (e *envoy) drain() {
	for range 1000 {
		r := e.s.next()
		if r == nil {
			return
		}
		e.heard++
		if e.tamper != nil {
			r = e.tamper(r)
		}
		e.mail = append(e.mail, r)
		e.drained(r)
		for _, c := range r.items {
			if has := e.has[r.kind][c.name]; has != nil && has.version == c.version || e.recorded[r.kind][c.name] == c.version {
				continue // it is told once more what it has, or had before it refused something
			}
			for _, ref := range c.head.output.Fetches {
				if e.has[ref.Type][ref.Name] == nil && !e.s.store.has(e.s.audiences, ref.Type, ref.Name) {
					e.t.Fatalf("%s %s names %s %s, which is nowhere", r.kind, c.name, ref.Type, ref.Name)
				}
			}
		}
	}
	e.t.Fatal("the session does not stop talking")
}

// open takes the oldest response out of the mail and applies it.
func (e *envoy) open() {
	if len(e.mail) == 0 {
		return
	}
	r, t := e.mail[0], e.mail[0].kind
	e.mail = e.mail[1:]
	message := ""
	if len(r.items) > 0 && len(r.removed) > 0 {
		e.t.Fatal("a response with versions and removals")
	}
	for _, c := range r.items {
		c.contents(func(p *content) {
			if e.refuses(p) {
				message = "refused"
			}
		})
	}
	for _, c := range e.takenOf(r, message != "") {
		e.take(t, c)
	}
	for _, c := range r.items {
		if message == "" && e.wants(t, c.name) {
			e.recorded[t][c.name] = c.version
		}
	}
	for _, name := range r.none { // an empty assignment
		if t == resource.Endpoint && e.subs[name] {
			e.edsFor[name] = true
			e.settleWarm()
		}
	}
	for _, name := range r.removed {
		if t == resource.Endpoint { // Envoy keeps those that it has, and does not speak of them any more
			delete(e.recorded[t], name)
		} else {
			e.put(t, name, nil)
		}
		if t == resource.Cluster {
			delete(e.warm, name)
			delete(e.subs, name)
			delete(e.edsFor, name)
			delete(e.rounds, name)
			delete(e.unused, name)
			e.put(resource.Endpoint, name, nil)
			e.s.unsubscribe(resource.Endpoint, name)
		}
		if t == resource.Endpoint {
			e.edsFor[name] = true // there are none: that ends the waiting, too
		}
		e.askForRoutes()
		e.settleWarm()
	}
	e.answers = append(e.answers, answer{t, r.nonce, message})
}

const takenOfRefused = "taken of a refused response"

// takenOf gives what an Envoy takes of a response: all of it, or, of one that it refuses, nothing,
// everything else, what stands before the fault, or any of it. Which, depends on the error.
func (e *envoy) takenOf(r *response, refused bool) []*composed {
	if !refused {
		return r.items
	}
	way := e.t.pick(4, takenOfRefused)
	var taken []*composed
	for _, c := range r.items {
		culprit := false
		c.contents(func(p *content) { culprit = culprit || e.refuses(p) })
		if way == 0 || culprit && way == 2 {
			break
		}
		if !culprit && (way < 3 || e.t.pick(2, "taken") == 0) {
			taken = append(taken, c)
		}
	}
	return taken
}

func (e *envoy) refuses(p *content) bool { return e.bad[p.hash] }

func (e *envoy) take(t resource.Type, c *composed) {
	switch t {
	case resource.Endpoint:
		if !e.subs[c.name] {
			return // ignored, as Envoy does
		}
		e.edsFor[c.name] = true
	case resource.Route:
		if !e.routes[c.name] {
			return
		}
	case resource.Cluster:
		e.edsFor[c.name], e.rounds[c.name] = false, false // it waits for its endpoints again
		if !e.subs[c.name] {
			e.subs[c.name] = true
			e.s.subscribe(resource.Endpoint, c.name, true)
		}
	}
	e.put(t, c.name, c)
	if t == resource.Listener {
		e.askForRoutes()
	}
	e.settleWarm()
}

// wants says whether it has asked for a resource.
func (e *envoy) wants(t resource.Type, name string) bool {
	return t == resource.Endpoint && e.subs[name] || t == resource.Route && e.routes[name] || fullState(t)
}

// put has a version of a resource take the place of what was there; nil: it is gone. That is
// when the promises could break: nothing that this Envoy has sends traffic to a cluster that
// is not there and warm.
func (e *envoy) put(t resource.Type, name string, c *composed) {
	before := e.has[t][name]
	if c != nil {
		e.has[t][name] = c
		c.contents(func(p *content) { e.took[p.hash] = true })
	} else {
		delete(e.has[t], name)
		delete(e.recorded[t], name)
	}
	if t == resource.Cluster && c == nil && e.uses[name] > 0 {
		e.t.Fatalf("cluster %s is taken away from Envoy %s, and in use", name, e.s.node.ID)
	}
	if t != resource.Scope && t != resource.Route {
		return
	}
	e.eachUse(c, func(p *content, cluster string) {
		if e.has[resource.Cluster][cluster] == nil || !e.warm[cluster] {
			e.t.Fatalf("%s %s part %q of Envoy %s sends traffic to cluster %q, which is not warm", t, name, p.part, e.s.node.ID, cluster)
		}
		e.uses[cluster]++
		delete(e.unused, cluster)
	})
	e.eachUse(before, func(_ *content, cluster string) {
		if e.uses[cluster]--; e.uses[cluster] == 0 && e.now != nil {
			e.unused[cluster] = e.now()
		}
	})
}

// eachUse calls f with every cluster that a version sends traffic to.
func (e *envoy) eachUse(c *composed, f func(p *content, cluster string)) {
	c.contents(func(p *content) {
		for _, ref := range p.output.Clusters {
			f(p, ref.Name)
		}
	})
}

// drained checks that a cluster which is being taken away has had its drain time.
func (e *envoy) drained(r *response) {
	if r.kind != resource.Cluster || e.now == nil {
		return
	}
	for _, name := range r.removed {
		since, once := e.unused[name]
		has := e.has[resource.Cluster][name]
		if once && has != nil && e.now().Sub(since) < has.head.output.Drain {
			e.t.Fatalf("cluster %s is taken away from Envoy %s %s after its last use, before its drain time has passed", name, e.s.node.ID, e.now().Sub(since))
		}
	}
}

// askForRoutes subscribes to what listeners name, and drops the rest.
func (e *envoy) askForRoutes() {
	want := map[string]bool{}
	for _, c := range e.has[resource.Listener] {
		for _, ref := range c.head.output.Fetches {
			want[ref.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.routes)) {
		if !want[name] {
			e.put(resource.Route, name, nil)
			e.s.unsubscribe(resource.Route, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !e.routes[name] {
			e.s.subscribe(resource.Route, name, true)
		}
	}
	e.routes = want
}

// warming says whether a cluster waits for endpoints, or for the first round of its checks.
func (e *envoy) warming(name string) bool {
	return !e.edsFor[name] || e.has[resource.Cluster][name].head.output.HealthChecked && !e.rounds[name]
}

// settleWarm warms clusters that wait for nothing.
func (e *envoy) settleWarm() {
	for name := range e.has[resource.Cluster] {
		if !e.warming(name) {
			e.warm[name] = true
		}
	}
}

// checkHealth ends a round of health checks, and tells how many endpoints have passed.
func (e *envoy) checkHealth(healthy func() int) {
	report := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(e.has[resource.Cluster])) {
		if e.edsFor[name] {
			e.rounds[name] = true
			report[name] = healthy()
		}
	}
	e.settleWarm()
	e.s.notifyHealthy(report)
	e.drain()
}

// reply delivers one answer, in order for each type; cluster answers wait for all to be warm.
func (e *envoy) reply() {
	for i, a := range e.answers {
		if a.t == resource.Cluster {
			warming := false
			for name := range e.has[resource.Cluster] {
				warming = warming || e.warming(name)
			}
			if warming {
				continue
			}
		}
		first := slices.IndexFunc(e.answers, func(b answer) bool { return b.t == a.t })
		if first != i {
			continue
		}
		e.answers = slices.Delete(e.answers, i, i+1)
		if e.misheard != nil {
			a = e.misheard(a)
		}
		e.s.answer(a.t, a.nonce, a.message)
		e.drain()
		return
	}
}
