package xds

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/resource"
)

// envoy imitates what matters of an Envoy: it warms clusters, withholds cluster
// acknowledgements while one warms, answers late, refuses, takes part of what it refuses,
// loses its connection, and comes back with what it has.
type envoy struct {
	t    *rapid.T
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
}

type answer struct {
	t       resource.Type
	nonce   uint64
	message string
}

func newEnvoy(t *rapid.T, mk func() *session) *envoy {
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
		e.s.report(t, maps.All(versions))
		e.s.subscribeAll(t)
	}
	versions := map[string]string{}
	for name := range e.has[resource.Cluster] {
		if c := e.has[resource.Endpoint][name]; c != nil {
			versions[name] = c.version
		}
	}
	e.s.report(resource.Endpoint, maps.All(versions))
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
	e.s.report(resource.Route, maps.All(versions))
	for _, name := range slices.Sorted(maps.Keys(e.routes)) {
		e.s.subscribe(resource.Route, name, false)
	}
	e.drain()
}

// drain takes what the session wants to send and puts it into the mail.
func (e *envoy) drain() {
	for range 1000 {
		r := e.s.next()
		if r == nil {
			return
		}
		e.mail = append(e.mail, r)
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
			if e.bad[p.hash] {
				message = "refused"
			}
		})
	}
	for _, c := range r.items {
		if message != "" && rapid.Bool().Draw(e.t, "not taken") {
			continue
		}
		culprit := false
		c.contents(func(p *content) { culprit = culprit || e.bad[p.hash] })
		if !culprit {
			e.take(t, c)
		}
	}
	for _, name := range r.removed {
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

// world is what the store shall have: clusters, and scopes whose parts name clusters.
type world struct {
	clusters map[string]int            // name → revision of its content
	scopes   map[string]map[string]rev // scope → part → what it sends traffic to
	routes   map[string]map[string]rev // route configuration → the same
	// listeners name a route configuration each.
	listeners map[string]string
}

func newWorld() *world {
	return &world{map[string]int{}, map[string]map[string]rev{}, map[string]map[string]rev{}, map[string]string{}}
}

type rev struct {
	clusters []string
	revision int
	invalid  bool
	healthy  bool // it waits for healthy endpoints
}

var audience = resource.OfFleet("f")

func (w *world) entries() map[resource.Key]*resource.Output {
	all := map[resource.Key]*resource.Output{}
	for name, revision := range w.clusters {
		all[resource.Key{Type: resource.Cluster, Audience: audience, Name: name}] = &resource.Output{
			Bytes:   fmt.Appendf(nil, "cluster %s %d", name, revision),
			Fetches: []resource.Ref{{Type: resource.Endpoint, Name: name}},
			Drain:   time.Second,

			HealthChecked: revision%2 == 1,
		}
		all[resource.Key{Type: resource.Endpoint, Name: name}] = &resource.Output{Bytes: fmt.Appendf(nil, "endpoints %s %d", name, revision/2)}
	}
	add := func(t resource.Type, resources map[string]map[string]rev) {
		for name, parts := range resources {
			all[resource.Key{Type: t, Audience: audience, Name: name}] = &resource.Output{Bytes: []byte(t.String() + " " + name)}
			for part, r := range parts {
				all[resource.Key{Type: t, Audience: audience, Name: name, Part: part}] = r.output(t.String() + "/" + name + "/" + part)
			}
		}
	}
	add(resource.Scope, w.scopes)
	add(resource.Route, w.routes)
	for name, route := range w.listeners {
		all[resource.Key{Type: resource.Listener, Audience: audience, Name: name}] = &resource.Output{
			Bytes:   fmt.Appendf(nil, "listener %s %s", name, route),
			Fetches: []resource.Ref{{Type: resource.Route, Name: route}},
		}
	}
	return all
}

func (r rev) output(name string) *resource.Output {
	out := &resource.Output{
		Bytes:    fmt.Appendf(nil, "%s %v %v %d", name, r.clusters, r.healthy, r.revision),
		Fallback: []byte(name + " 503"),
		Invalid:  r.invalid,
	}
	for _, c := range r.clusters {
		out.Clusters = append(out.Clusters, resource.ClusterRef{Name: c, Healthy: r.healthy})
	}
	return out
}

func diff(before, after map[resource.Key]*resource.Output) resource.ChangeSet {
	var set resource.ChangeSet
	for k, o := range after {
		if b := before[k]; b == nil || string(b.Bytes) != string(o.Bytes) || b.Invalid != o.Invalid {
			set.Entries = append(set.Entries, resource.Entry{Key: k, Output: o})
		}
	}
	for k := range before {
		if after[k] == nil {
			set.Entries = append(set.Entries, resource.Entry{Key: k})
		}
	}
	slices.SortFunc(set.Entries, func(a, b resource.Entry) int { return a.Key.Compare(b.Key) })
	return set
}

// edit changes the world at random; nothing in it refers to what is missing.
func (w *world) edit(t *rapid.T) {
	names := []string{"a", "b", "c", "d"}
	one := rapid.SampledFrom(names)
	resources, kind := w.scopes, "scope"
	if rapid.Bool().Draw(t, "routes") {
		resources, kind = w.routes, "route"
	}
	name := rapid.SampledFrom([]string{"x", "y"})
	switch rapid.IntRange(0, 7).Draw(t, "edit") {
	case 0:
		w.clusters[one.Draw(t, "cluster")] = rapid.IntRange(0, 3).Draw(t, "revision")
	case 1: // a cluster goes, and everything that names it points elsewhere
		gone := one.Draw(t, "cluster")
		delete(w.clusters, gone)
		for _, all := range []map[string]map[string]rev{w.scopes, w.routes} {
			for _, parts := range all {
				for part, r := range parts {
					r.clusters = slices.DeleteFunc(slices.Clone(r.clusters), func(c string) bool { return c == gone })
					parts[part] = r
				}
			}
		}
	case 2, 3:
		scope, part := name.Draw(t, kind), rapid.SampledFrom([]string{"p", "q"}).Draw(t, "part")
		var to []string
		for _, c := range slices.Sorted(maps.Keys(w.clusters)) {
			if rapid.Bool().Draw(t, c) {
				to = append(to, c)
			}
		}
		if resources[scope] == nil {
			resources[scope] = map[string]rev{}
		}
		resources[scope][part] = rev{
			to, rapid.IntRange(0, 3).Draw(t, "revision"), rapid.IntRange(0, 9).Draw(t, "invalid") == 0,
			rapid.IntRange(0, 3).Draw(t, "healthy") == 0,
		}
	case 4: // and with a route configuration go the listeners that name it
		gone := name.Draw(t, kind)
		delete(resources, gone)
		if kind == "route" {
			maps.DeleteFunc(w.listeners, func(_, route string) bool { return route == gone })
		}
	case 5:
		delete(resources[name.Draw(t, kind)], "p")
	case 6:
		if route := name.Draw(t, "route"); w.routes[route] != nil {
			w.listeners[one.Draw(t, "listener")] = route
		}
	case 7:
		delete(w.listeners, one.Draw(t, "listener"))
	}
}

// At every moment, with answers late, lost or negative, nothing on the Envoy refers to what is
// not there; and once all is quiet it has exactly what it shall have.
func TestReferencesHoldOnEveryEnvoy(t *testing.T) {
	// The usual 100 sequences miss every other broken rule. -rapid.checks still counts.
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		must(t, f.Value.Set("1000"))
		t.Cleanup(func() { must(t, f.Value.Set(f.DefValue)) })
	}
	rapid.Check(t, func(t *rapid.T) {
		store := newStore()
		now := time.Unix(0, 0)
		var last *session
		mk := func() *session {
			earlier := last
			if rapid.Bool().Draw(t, "restarted") {
				earlier = nil
			}
			last = newSession(store, Node{ID: "e", Fleet: "f"}, func() time.Time { return now }, earlier)
			return last
		}
		w := newWorld()
		e := newEnvoy(t, mk)
		have := w.entries()
		step := func() {
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				w.edit(t)
			}
			want := w.entries()
			store.apply(diff(have, want), now)
			have = want
			e.drain()
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				step()
			case 2, 3:
				e.open()
				e.drain()
			case 4: // the ordinary course: only through it are deep states reached often
				for range rapid.IntRange(1, 12).Draw(t, "answered") {
					e.open()
					e.drain()
					e.reply()
				}
			case 5, 6:
				e.reply()
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
				e.checkHealth(func() int { return rapid.IntRange(0, 1).Draw(t, "healthy endpoints") })
			case 8:
				e.connect()
			case 9:
				for _, k := range slices.SortedFunc(maps.Keys(have), resource.Key.Compare) {
					// It does not refuse what it has.
					if has := e.has[k.Type][k.Name].get(k.Part); has != nil && has.hash == hashOf(have[k].Bytes) {
						continue
					}
					if rapid.IntRange(0, 8).Draw(t, "bad") == 0 {
						e.bad[hashOf(have[k].Bytes)] = true
					}
				}
			}
		}
		e.quiesce(&now, have)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *envoy) uses(cluster string) bool {
	used := false
	for _, t := range []resource.Type{resource.Scope, resource.Route} {
		for _, c := range e.has[t] {
			c.contents(func(p *content) {
				for _, ref := range p.output.Clusters {
					used = used || ref.Name == cluster
				}
			})
		}
	}
	return used
}

// quiesce heals the Envoy, answers everything and lets time pass; then it must have what the
// store has.
func (e *envoy) quiesce(now *time.Time, want map[resource.Key]*resource.Output) {
	e.bad = map[hash]bool{}
	for range 400 {
		e.open()
		e.drain()
		e.reply()
		*now = now.Add(time.Second)
		e.checkHealth(func() int { return 1 })
	}
	for _, t := range []resource.Type{resource.Cluster, resource.Endpoint, resource.Scope, resource.Listener, resource.Route} {
		names := map[string]bool{}
		for k := range want {
			if k.Type == t && k.Part == "" && (t != resource.Route || e.routes[k.Name]) {
				names[k.Name] = true
			}
		}
		for name := range e.has[t] {
			// What an Envoy brought along from before a restart keeps its clusters for as long
			// as it cannot be replaced; so does a part whose new content is invalid.
			if !names[name] && (t >= resource.Listener || e.s.unknown == 0 && !e.uses(name)) {
				e.t.Fatalf("%s %s is still there: named %v, retiring %v", t, name, e.s.named, e.s.retiring.m)
			}
		}
		for name := range names {
			have := e.has[t][name]
			target := e.s.store.find(e.s.audiences, t, name)
			invalid := false
			target.contents(func(p *content) { invalid = invalid || p.output.Invalid })
			if have == nil || have.version != target.version && !invalid {
				sub := e.s.subs[t]
				has, _ := e.s.held(t, target.id)
				e.t.Fatalf("%s %s has not arrived: has %+v, target %+v, held %+v, dirty %v, on their way %d, trials %v, suspects %v, refused %v, waiting %v, clusters %v, answers %v, endpoints %v",
					t, name, have, target, has, slices.Collect(sub.dirty.all()), len(sub.inflight), sub.trials, sub.suspects, e.s.refused, e.s.waits, e.s.clusterStates(), e.answers, e.edsFor)
			}
		}
	}
}

// clusterStates is for failures.
func (s *session) clusterStates() string {
	all := map[string]clusterState{}
	for id := range s.clusters.there.all() {
		all[s.store.names.of(id)], _ = s.clusters.get(id)
	}
	return fmt.Sprintf("%+v", all)
}
