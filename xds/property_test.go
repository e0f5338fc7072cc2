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

// world is what the store shall have: clusters, and scopes whose parts name clusters.
type world struct {
	clusters map[string]int            // name → revision of its content
	scopes   map[string]map[string]rev // scope → part → what it sends traffic to
	routes   map[string]map[string]rev // route configuration → the same
	// listeners name a route configuration each.
	listeners map[string]string
	// names are those of clusters and listeners, holders those of scopes and route configurations.
	names, holders []string
	revisions      int // that there were
}

func newWorld(names, holders []string) *world {
	return &world{map[string]int{}, map[string]map[string]rev{}, map[string]map[string]rev{}, map[string]string{}, names, holders, 0}
}

// revision is that of a new content, or one that there may have been before.
func (w *world) revision(t chance) int {
	if t.pick(2, "again") == 0 {
		return t.pick(4, "revision")
	}
	w.revisions++
	return 3 + w.revisions
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
func (w *world) edit(t chance) {
	one := func(what string) string { return w.names[t.pick(len(w.names), what)] }
	resources, kind := w.scopes, "scope"
	if t.pick(2, "routes") == 1 {
		resources, kind = w.routes, "route"
	}
	some := func() string { return w.holders[t.pick(len(w.holders), kind)] }
	switch t.pick(8, "edit") {
	case 0:
		w.clusters[one("cluster")] = w.revision(t)
	case 1: // a cluster goes, and everything that names it points elsewhere
		gone := one("cluster")
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
		holder, part := some(), []string{"p", "q"}[t.pick(2, "part")]
		var to []string
		for _, c := range slices.Sorted(maps.Keys(w.clusters)) {
			if t.pick(2, c) == 1 {
				to = append(to, c)
			}
		}
		if resources[holder] == nil {
			resources[holder] = map[string]rev{}
		}
		resources[holder][part] = rev{to, w.revision(t), t.pick(10, "invalid") == 1, t.pick(4, "healthy") == 1}
	case 4: // and with a route configuration go the listeners that name it
		gone := some()
		delete(resources, gone)
		if kind == "route" {
			maps.DeleteFunc(w.listeners, func(_, route string) bool { return route == gone })
		}
	case 5:
		delete(resources[some()], "p")
	case 6:
		if route := some(); w.routes[route] != nil {
			w.listeners[one("listener")] = route
		}
	case 7:
		delete(w.listeners, one("listener"))
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
		var e *envoy
		mk := func() *session {
			earlier := last
			if rapid.Bool().Draw(t, "restarted") && (e == nil || !e.inDoubt()) { // docs/xds.md: else nobody knows
				earlier = nil
			}
			last = newSession(store, Node{ID: "e", Fleet: "f"}, func() time.Time { return now }, earlier)
			return last
		}
		w := newWorld([]string{"a", "b", "c", "d"}, []string{"x", "y"})
		e = newEnvoy(drawn{t}, mk)
		have := w.entries()
		step := func() {
			for range rapid.IntRange(1, 4).Draw(t, "edits") {
				w.edit(drawn{t})
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
			if !names[name] && (t >= resource.Listener || e.s.unknown == 0 && e.uses[name] == 0) {
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
