package xds

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

var (
	fireSeed  = flag.Uint64("fire.seed", 1, "seed of TestFleetUnderFire; 0: by the clock")
	fireSteps = flag.Int("fire.steps", 20_000, "steps of TestFleetUnderFire, for each seed")
	fireSeeds = flag.Uint64("fire.seeds", 1, "how many seeds of TestFleetUnderFire, from fire.seed on, side by side")
)

// seeded is chance that a seed decides.
type seeded struct {
	*testing.T
	*rand.Rand
	seed uint64
	step int
	// caught is called in place of a failure of the test.
	caught func(what string)
}

func (s *seeded) pick(n int, _ string) int { return s.IntN(n) }

func (s *seeded) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }

func (s *seeded) Fatal(args ...any) {
	s.Helper()
	if s.caught != nil {
		s.caught(fmt.Sprint(args...))
	}
	s.T.Fatalf("step %d: %s\nreplay it: go test ./xds -run '^TestFleetUnderFire$' -fire.seed=%d -fire.steps=%d",
		s.step, fmt.Sprint(args...), s.seed, s.step)
}

// replicaOf is a server: all have the same content, but each hears of a change in its own time.
type replicaOf struct {
	store *store
	have  map[resource.Key]*resource.Output
	heard int // how many changes
}

// under is one virtual Envoy in the simulation.
type under struct {
	*envoy
	clock time.Time
	// haste is how much further the clock of its session goes each time that it looks, skew how
	// far it is: in tests of the tests.
	haste, skew time.Duration

	at   *replicaOf
	last map[*replicaOf]*session // of earlier streams, as long as they are remembered
	// stubborn: it refuses everything from now on.
	stubborn bool
}

// fire is the simulation.
type fire struct {
	*seeded
	world    *world
	changes  []map[resource.Key]*resource.Output // what there shall be, after each change
	replicas []*replicaOf
	envoys   []*under
}

// hundreds of Envoys: three times as many as any replica is likely to have in a small fleet.
const underFire = 200

func newFire(s *seeded) *fire {
	f := &fire{seeded: s, world: newWorld([]string{"a", "b", "c", "d", "e", "f"}, []string{"x", "y", "z"})}
	for range 3 {
		f.replicas = append(f.replicas, &replicaOf{store: newStore(), have: map[resource.Key]*resource.Output{}})
	}
	for i := range underFire {
		u := &under{clock: time.Unix(1e9, 0), at: f.replicas[i%3], last: map[*replicaOf]*session{}}
		mk := func() *session {
			earlier := u.last[u.at]
			now := func() time.Time { u.skew += u.haste; return u.clock.Add(u.skew) }
			u.last[u.at] = newSession(u.at.store, Node{ID: fmt.Sprint(i), Fleet: "f"}, now, earlier)
			return u.last[u.at]
		}
		u.envoy = unconnected(s, mk)
		u.now = func() time.Time { return u.clock }
		u.connect()
		f.envoys = append(f.envoys, u)
	}
	return f
}

// one is a step: a change, a replica that hears of one, or something that happens at one Envoy.
func (f *fire) one() {
	switch f.pick(50, "step") {
	case 0:
		f.world.edit(f)
		f.changes = append(f.changes, f.world.entries())
		return
	case 1, 2, 3:
		f.hear(f.replicas[f.pick(3, "replica")])
		return
	}
	u := f.envoys[f.pick(len(f.envoys), "envoy")]
	switch n := f.pick(1000, "event"); {
	case n < 400:
		u.open()
		u.drain()
	case n < 750:
		u.reply()
	case n < 850:
		u.clock = u.clock.Add(time.Duration(f.pick(3000, "milliseconds")) * time.Millisecond)
		u.checkHealth(func() int { return f.pick(2, "healthy endpoints") })
	case n < 890:
		f.sayTwice(u)
	case n < 930:
		f.reconnect(u)
	case n < 970:
		f.turnBad(u)
	case n < 972:
		u.stubborn = true
		f.settle(u)
		u.stubborn = false
	case n < 985:
		u.bad = map[hash]bool{}
	default:
		f.settle(u)
	}
}

// hear has a replica take in the next change.
func (f *fire) hear(r *replicaOf) {
	if r.heard == len(f.changes) {
		return
	}
	want := f.changes[r.heard]
	r.heard++
	r.store.apply(diff(r.have, want), time.Unix(1e9, 0))
	r.have = want
}

// reconnect has an Envoy lose its connection, and find one of the replicas. While it has
// something of a response that it refused, it comes back to the one that knows (docs/xds.md).
func (f *fire) reconnect(u *under) {
	known := u.inDoubt()
	if f.pick(4, "moves") == 0 && !known {
		u.at = f.replicas[f.pick(3, "to")]
	}
	if f.pick(2, "restarted") == 1 && u.last[u.at] != nil && !known {
		last := u.last[u.at]
		if last.earlier != nil {
			u.at.store.dismiss(last.earlier)
		}
		u.at.store.dismiss(last)
		delete(u.last, u.at)
	}
	u.connect()
}

// sayTwice has an Envoy ask again for what it has, or answer what was answered.
func (f *fire) sayTwice(u *under) {
	t := []resource.Type{resource.Cluster, resource.Endpoint, resource.Scope, resource.Listener}[f.pick(4, "type")]
	u.s.answer(t, u.s.nonce-uint64(f.pick(3, "old nonce"))+1000, "once more")
	for _, name := range slices.Sorted(maps.Keys(u.subs)) {
		if f.pick(3, "again") == 0 {
			u.s.subscribe(resource.Endpoint, name, true)
		}
	}
	u.drain()
}

// turnBad has an Envoy refuse some of what it has never had.
func (f *fire) turnBad(u *under) {
	for _, k := range slices.SortedFunc(maps.Keys(u.at.have), resource.Key.Compare) {
		if h := hashOf(u.at.have[k].Bytes); !u.took[h] && f.pick(12, "bad") == 0 {
			u.bad[h] = true
		}
	}
}

// settle lets an Envoy answer everything, for two minutes. It must come to rest, and have been
// sent no more than what narrowing a refusal down takes.
func (f *fire) settle(u *under) {
	before := u.remember()
	if u.stubborn {
		for _, out := range u.at.have {
			if h := hashOf(out.Bytes); !u.took[h] {
				u.bad[h] = true
			}
		}
	}
	heard := u.heard
	f.answerAll(u)
	for range 120 {
		u.clock = u.clock.Add(time.Second)
		u.checkHealth(func() int { return 1 })
		f.answerAll(u)
	}
	// Everything once, and what is refused every 30 s, each time in halves of halves.
	if limit := 50 + 12*len(u.at.have); u.heard-heard > limit {
		f.Fatalf("Envoy %s was sent %d responses in two minutes, more than %d", u.s.node.ID, u.heard-heard, limit)
	}
	u.converged(before)
}

// answerAll has an Envoy take in and answer everything that can be answered.
func (f *fire) answerAll(u *under) {
	u.drain()
	for n := 0; len(u.mail)+len(u.answers) > 0; n++ {
		u.open()
		u.drain()
		u.reply()
		if n > 10 && len(u.mail) == 0 {
			return // the answers of clusters, which wait for a round of checks
		}
		if n > 5000 {
			f.Fatalf("Envoy %s does not come to rest: it refuses %d contents, mail %+v, refused %v", u.s.node.ID, len(u.bad), u.mail[0], u.s.refused)
		}
	}
}

// TestFleetUnderFire has 200 virtual Envoys at three replicas live through changes, late and
// lost answers, refusals, lost connections and moves. The promises are checked at every step:
//
//   - nothing on an Envoy refers to a cluster that is missing or not warm (envoy.put);
//   - no cluster is taken away that is in use, or before its drain time (envoy.put, envoy.drained);
//   - what settles has the newest of all that it does not refuse, and no more (under.converged);
//   - refusing costs a bounded number of responses (fire.settle).
//
// A step is one change, one replica that hears of a change, or one event at one Envoy: it takes
// a response, answers one, lets time pass, says something twice, reconnects, begins or ends to
// refuse something, or settles, which is two minutes of answering.
func TestFleetUnderFire(t *testing.T) {
	first := *fireSeed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for seed := first; seed < first+*fireSeeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			newFire(&seeded{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed}).burn(*fireSteps)
		})
	}
}

// burn runs a simulation. In the end all replicas hear of all changes, and all Envoys settle.
func (f *fire) burn(steps int) {
	began := time.Now()
	for f.step = 1; f.step <= steps; f.step++ {
		f.one()
	}
	for _, r := range f.replicas {
		for r.heard < len(f.changes) {
			f.hear(r)
		}
	}
	for _, u := range f.envoys {
		f.settle(u)
	}
	fmt.Fprintf(os.Stderr, "%d steps at %d Envoys in %s, seed %d, %x\n", steps, len(f.envoys), time.Since(began).Round(time.Millisecond), f.seed, f.Uint64())
}
