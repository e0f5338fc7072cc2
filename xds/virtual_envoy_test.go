package xds

import (
	"iter"
	"maps"
	"slices"

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
	// mail are responses that are on their way, answers those that are to be acknowledged.
	mail    []*response // in order: it is one stream
	answers []answer
	bad     map[hash]bool // contents that this Envoy refuses
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
	e := &envoy{t: t, mk: mk, warm: map[string]bool{}, bad: map[hash]bool{}}
	for i := range e.has {
		e.has[i] = map[string]*composed{}
	}
	e.connect()
	return e
}

func (e *envoy) connect() {
	e.s = e.mk()
	e.answers = nil
	e.mail = nil
	e.subs, e.edsFor, e.rounds = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, t := range []resource.Type{resource.Cluster, resource.Listener, resource.Scope} {
		versions := map[string]string{}
		for name, c := range e.has[t] {
			versions[name] = c.version
		}
		e.s.report(t, sorted(versions))
		e.s.subscribeAll(t)
	}
	versions := map[string]string{}
	for name := range e.has[resource.Cluster] {
		if c := e.has[resource.Endpoint][name]; c != nil {
			versions[name] = c.version
		}
	}
	e.s.report(resource.Endpoint, sorted(versions))
	for _, name := range slices.Sorted(maps.Keys(e.has[resource.Cluster])) {
		e.subs[name] = true
		e.s.subscribe(resource.Endpoint, name, false)
		if e.warm[name] {
			e.edsFor[name], e.rounds[name] = true, true
		}
	}
	versions = map[string]string{}
	for name, c := range e.has[resource.Route] {
		versions[name] = c.version
	}
	e.s.report(resource.Route, sorted(versions))
	for _, name := range slices.Sorted(maps.Keys(e.routes)) {
		e.s.subscribe(resource.Route, name, false)
	}
	e.drain()
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
		e.mail = append(e.mail, r)
		e.heard++
		for _, c := range r.items {
			if has := e.has[r.kind][c.name]; has != nil && has.version == c.version {
				continue // it is told once more what it has
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
	for _, name := range r.none { // an empty assignment
		if t == resource.Endpoint && e.subs[name] {
			e.edsFor[name] = true
			e.settleWarm()
		}
	}
	for _, name := range r.removed {
		e.losing(t, name)
		delete(e.has[t], name)
		if t == resource.Cluster {
			delete(e.warm, name)
			delete(e.subs, name)
			delete(e.edsFor, name)
			delete(e.rounds, name)
			delete(e.has[resource.Endpoint], name)
			e.s.unsubscribe(resource.Endpoint, name)
		}
		if t == resource.Endpoint {
			e.edsFor[name] = true // there are none: that ends the waiting, too
		}
		e.askForRoutes()
		e.settleWarm()
		e.check()
	}
	e.answers = append(e.answers, answer{t, r.nonce, message})
}

// takenOf gives what an Envoy takes of a response: all of it, or, of one that it refuses, nothing,
// everything else, what stands before the fault, or any of it. Which, depends on the error.
func (e *envoy) takenOf(r *response, refused bool) []*composed {
	if !refused {
		return r.items
	}
	way := e.t.pick(4, "taken of a refused response")
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
	e.has[t][c.name] = c
	e.askForRoutes()
	e.settleWarm()
	e.check()
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
			delete(e.has[resource.Route], name)
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

// check is the promise: nothing that this Envoy has sends traffic to a cluster that is not
// there and warm.
func (e *envoy) check() {
	for _, t := range []resource.Type{resource.Scope, resource.Route} {
		for name, c := range e.has[t] {
			c.contents(func(p *content) {
				for _, ref := range p.output.Clusters {
					if e.has[resource.Cluster][ref.Name] == nil || !e.warm[ref.Name] {
						e.t.Fatalf("%s %s part %q sends traffic to cluster %q, which is not warm", t, name, p.part, ref.Name)
					}
				}
			})
		}
	}
}

// losing checks that a cluster which is taken away is not in use.
func (e *envoy) losing(t resource.Type, name string) {
	if t == resource.Cluster && e.uses(name) {
		e.t.Fatalf("cluster %s is taken away, and in use", name)
	}
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
		e.s.answer(a.t, a.nonce, a.message)
		e.drain()
		return
	}
}

// used are the clusters that something which this Envoy has sends traffic to.
func (e *envoy) used() map[string]bool {
	used := map[string]bool{}
	for _, t := range []resource.Type{resource.Scope, resource.Route} {
		for _, c := range e.has[t] {
			c.contents(func(p *content) {
				for _, ref := range p.output.Clusters {
					used[ref.Name] = true
				}
			})
		}
	}
	return used
}

func (e *envoy) uses(cluster string) bool { return e.used()[cluster] }
