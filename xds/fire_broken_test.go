package xds

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// broken are rules that the engine obeys, and what it would look like if it did not: the messages
// between it and an Envoy are tampered with.
var broken = []struct {
	rule  string
	wreck func(*under)
}{
	{"a route waits until its clusters are acknowledged as warm", func(u *under) {
		u.tamper = func(r *response) *response {
			if r.kind == resource.Cluster && len(r.items) > 0 {
				u.s.answer(resource.Cluster, r.nonce, "")
			}
			return r
		}
	}},
	{"a cluster stays while something names it", func(u *under) {
		u.tamper = func(r *response) *response {
			if r.kind == resource.Cluster && len(r.items) == 0 {
				for _, name := range slices.Sorted(maps.Keys(u.has[resource.Cluster])) {
					if !u.s.store.has(u.s.audiences, resource.Cluster, name) && !slices.Contains(r.removed, name) {
						r.removed = append(r.removed, name)
					}
				}
			}
			return r
		}
	}},
	{"a cluster stays for its drain time", func(u *under) {
		u.haste = time.Second
	}},
	{"an answer is for the response that its nonce names", func(u *under) {
		u.misheard = func(a answer) answer {
			if on := u.s.subs[a.t].inflight; len(on) > 0 {
				a.nonce = on[len(on)-1].nonce
			}
			return a
		}
	}},
	{"a refusal is no acknowledgement", func(u *under) {
		u.misheard = func(a answer) answer { a.message = ""; return a }
	}},
	{"what was refused together with the culprit is sent again", func(u *under) {
		refused := map[string]bool{}
		u.misheard = func(a answer) answer {
			if a.message != "" {
				for _, r := range u.s.subs[a.t].inflight {
					for _, c := range r.items {
						refused[c.name+c.version] = r.nonce == a.nonce && len(r.items) > 1
					}
				}
			}
			return a
		}
		u.tamper = func(r *response) *response {
			kept := *r
			kept.items = slices.DeleteFunc(slices.Clone(r.items), func(c *composed) bool { return refused[c.name+c.version] })
			return &kept
		}
	}},
	{"what went while the Envoy was away is removed", func(u *under) {
		u.tamper = func(r *response) *response {
			if r.nonce > 5 {
				return r
			}
			kept := *r
			kept.removed = nil
			return &kept
		}
	}},
	{"a changed cluster is followed by its endpoints", func(u *under) {
		u.tamper = func(r *response) *response {
			kept := *r
			kept.items = slices.DeleteFunc(slices.Clone(r.items), func(c *composed) bool {
				has := u.has[r.kind][c.name]
				return r.kind == resource.Endpoint && has != nil && has.version == c.version
			})
			return &kept
		}
	}},
	{"a refused content is not sent over and over", func(u *under) {
		u.haste = retryTime
	}},
}

// caught ends a simulation that has found what it was to find.
type caught string

// TestFleetUnderFireFindsBrokenRules breaks the rules one by one: the simulation finds each.
func TestFleetUnderFireFindsBrokenRules(t *testing.T) {
	const within = 20_000
	for _, b := range broken {
		t.Run(b.rule, func(t *testing.T) {
			s := &seeded{T: t, Rand: rand.New(rand.NewPCG(1, 0)), seed: 1, caught: func(what string) { panic(caught(what)) }}
			defer func() {
				switch what := recover().(type) {
				case caught:
					t.Logf("found at step %d: %s", s.step, what)
				case nil:
					t.Errorf("it was not found in %d steps", within)
				default:
					panic(what)
				}
			}()
			f := newFire(s)
			for _, u := range f.envoys {
				b.wreck(u)
			}
			for s.step = 1; s.step <= within; s.step++ {
				f.one()
			}
		})
	}
}
