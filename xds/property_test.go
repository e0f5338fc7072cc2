package xds

import (
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
	e.subs, e.edsFor = map[string]bool{}, map[string]bool{}
	for _, t := range []resource.Type{resource.Cluster, resource.Listener, resource.Scope} {
		versions := map[string]string{}
		for name, c := range e.has[t] {
			versions[name] = c.version
		}
		e.s.report(t, versions)
		e.s.subscribeAll(t)
	}
	versions := map[string]string{}
	for name := range e.has[resource.Cluster] {
		if c := e.has[resource.Endpoint][name]; c != nil {
			versions[name] = c.version
		}
	}
	e.s.report(resource.Endpoint, versions)
	for _, name := range slices.Sorted(maps.Keys(e.has[resource.Cluster])) {
		e.subs[name] = true
		e.s.subscribe(resource.Endpoint, name, false)
		if e.warm[name] {
			e.edsFor[name] = true
		}
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
	if t != resource.Endpoint && len(r.items) > 0 && len(r.removed) > 0 {
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
			delete(e.has[resource.Endpoint], name)
			e.s.unsubscribe(resource.Endpoint, name)
		}
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
	case resource.Cluster:
		e.edsFor[c.name] = false // it waits for its endpoints again
		if !e.subs[c.name] {
			e.subs[c.name] = true
			e.s.subscribe(resource.Endpoint, c.name, true)
		}
	}
	e.has[t][c.name] = c
	e.settleWarm()
	e.check()
}

// settleWarm warms clusters that have their endpoints.
func (e *envoy) settleWarm() {
	for name := range e.has[resource.Cluster] {
		if e.edsFor[name] && e.has[resource.Endpoint][name] != nil {
			e.warm[name] = true
		}
	}
}

// check is the promise: nothing that this Envoy has sends traffic to a cluster that is not
// there and warm.
func (e *envoy) check() {
	for _, t := range []resource.Type{resource.Listener, resource.Scope} {
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
				warming = warming || !e.edsFor[name]
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
}

type rev struct {
	clusters []string
	revision int
	invalid  bool
}

var audience = resource.OfFleet("f")

func (w *world) entries() map[resource.Key]*resource.Output {
	all := map[resource.Key]*resource.Output{}
	for name, revision := range w.clusters {
		all[resource.Key{Type: resource.Cluster, Audience: audience, Name: name}] = &resource.Output{
			Bytes:   fmt.Appendf(nil, "cluster %s %d", name, revision),
			Fetches: []resource.Ref{{Type: resource.Endpoint, Name: name}},
			Drain:   time.Second,
		}
		all[resource.Key{Type: resource.Endpoint, Name: name}] = &resource.Output{Bytes: []byte("endpoints " + name)}
	}
	for scope, parts := range w.scopes {
		all[resource.Key{Type: resource.Scope, Audience: audience, Name: scope}] = &resource.Output{Bytes: []byte("scope " + scope)}
		for part, r := range parts {
			out := &resource.Output{
				Bytes:    fmt.Appendf(nil, "%s/%s %v %d", scope, part, r.clusters, r.revision),
				Fallback: []byte(scope + "/" + part + " 503"),
				Invalid:  r.invalid,
			}
			for _, c := range r.clusters {
				out.Clusters = append(out.Clusters, resource.ClusterRef{Name: c})
			}
			all[resource.Key{Type: resource.Scope, Audience: audience, Name: scope, Part: part}] = out
		}
	}
	return all
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
	switch rapid.IntRange(0, 5).Draw(t, "edit") {
	case 0:
		w.clusters[one.Draw(t, "cluster")] = rapid.IntRange(0, 3).Draw(t, "revision")
	case 1: // a cluster goes, and everything that names it points elsewhere
		gone := one.Draw(t, "cluster")
		delete(w.clusters, gone)
		for _, parts := range w.scopes {
			for part, r := range parts {
				r.clusters = slices.DeleteFunc(slices.Clone(r.clusters), func(c string) bool { return c == gone })
				parts[part] = r
			}
		}
	case 2, 3:
		scope, part := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "scope"), rapid.SampledFrom([]string{"p", "q"}).Draw(t, "part")
		var to []string
		for _, c := range slices.Sorted(maps.Keys(w.clusters)) {
			if rapid.Bool().Draw(t, c) {
				to = append(to, c)
			}
		}
		if w.scopes[scope] == nil {
			w.scopes[scope] = map[string]rev{}
		}
		w.scopes[scope][part] = rev{to, rapid.IntRange(0, 3).Draw(t, "revision"), rapid.IntRange(0, 9).Draw(t, "invalid") == 0}
	case 4:
		delete(w.scopes, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "scope"))
	case 5:
		delete(w.scopes[rapid.SampledFrom([]string{"x", "y"}).Draw(t, "scope")], "p")
	}
}

// At every moment, with answers late, lost or negative, nothing on the Envoy refers to what is
// not there; and once all is quiet it has exactly what it shall have.
func TestReferencesHoldOnEveryEnvoy(t *testing.T) {
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
		w := &world{clusters: map[string]int{}, scopes: map[string]map[string]rev{}}
		e := newEnvoy(t, mk)
		have := w.entries()
		step := func() {
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				w.edit(t)
			}
			want := w.entries()
			number, changed := store.apply(diff(have, want))
			e.s.notify(number, changed)
			have = want
			e.drain()
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				step()
			case 2, 3, 4:
				e.open()
				e.drain()
			case 5, 6:
				e.reply()
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
				e.drain()
			case 8:
				e.connect()
			case 9:
				for _, k := range slices.SortedFunc(maps.Keys(have), resource.Key.Compare) {
					if k.Type == resource.Scope && rapid.IntRange(0, 5).Draw(t, "bad") == 0 {
						e.bad[hashOf(have[k].Bytes)] = true
					}
				}
			}
		}
		e.quiesce(&now, have)
	})
}

func (e *envoy) uses(cluster string) bool {
	used := false
	for _, c := range e.has[resource.Scope] {
		c.contents(func(p *content) {
			used = used || slices.Contains(p.output.Clusters, resource.ClusterRef{Name: cluster})
		})
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
		e.drain()
	}
	for _, t := range []resource.Type{resource.Cluster, resource.Endpoint, resource.Scope} {
		names := map[string]bool{}
		for k := range want {
			if k.Type == t && k.Part == "" {
				names[k.Name] = true
			}
		}
		for name := range e.has[t] {
			// What an Envoy brought along from before a restart keeps its clusters for as long
			// as it cannot be replaced; so does a part whose new content is invalid.
			if !names[name] && (t == resource.Scope || e.s.unknown == 0 && !e.uses(name)) {
				e.t.Fatalf("%s %s is still there: named %v, retiring %v", t, name, e.s.named, e.s.retiring)
			}
		}
		for name := range names {
			have := e.has[t][name]
			target := e.s.store.find(e.s.audiences, t, name)
			invalid := false
			target.contents(func(p *content) { invalid = invalid || p.output.Invalid })
			if have == nil || have.version != target.version && !invalid {
				sub := e.s.subs[t]
				e.t.Fatalf("%s %s has not arrived: has %+v, target %+v, held %+v, dirty %v, on their way %d, trials %v, suspects %v, refused %v, waiting %v, answers %v, endpoints %v",
					t, name, have, target, sub.held[name], sub.dirty, len(sub.inflight), sub.trials, sub.suspects, e.s.refused, e.s.waiting, e.answers, e.edsFor)
			}
		}
	}
}
