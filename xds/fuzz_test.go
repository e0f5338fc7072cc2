package xds

import (
	"fmt"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// FuzzRequests has a client say anything, in both protocols, while resources come and go. The
// session must not panic, must come to rest, and must not keep what nobody asks for.
func FuzzRequests(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte("\x00\x10\x20\x30\x40\x50\x01\x11\x21\x31\x41\x51\x06\x16\x26\x07\x17\x27\x03\x13"))
	f.Add([]byte("subscribe, unsubscribe, refuse everything, come back"))
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 512 {
			script = script[:512]
		}
		now := time.Unix(0, 0)
		r := &requests{store: newStore(), script: script, now: func() time.Time { return now }, clock: &now}
		r.connect()
		for range 512 {
			if len(r.script) == 0 {
				break
			}
			r.step(t)
		}
	})
}

// requests makes requests of bytes.
type requests struct {
	store  *store
	s      *session
	p      protocol
	script []byte
	now    func() time.Time
	clock  *time.Time
	nonces [resource.NumTypes]uint64
}

func (r *requests) byte() byte {
	if len(r.script) == 0 {
		return 0
	}
	b := r.script[0]
	r.script = r.script[1:]
	return b
}

func (r *requests) connect() {
	r.p = protocol(delta{})
	if r.byte()%4 == 3 {
		r.p = sotw{}
	}
	r.s = newSession(r.store, Node{ID: "e", Fleet: "f", Name: "n"}, r.now, r.s)
	_, r.s.stateOfWorld = r.p.(sotw)
}

func (r *requests) name() string {
	return []string{"a", "b", "c", "*", "", "\x00"}[r.byte()%6]
}

func (r *requests) names() (all []string) {
	for range r.byte() % 4 {
		all = append(all, r.name())
	}
	return all
}

func (r *requests) step(t *testing.T) {
	kind := resource.Type(r.byte() % byte(resource.NumTypes))
	switch b := r.byte() % 16; b {
	case 0:
		r.connect()
	case 1:
		*r.clock = r.clock.Add(time.Duration(r.byte()) * time.Second)
	case 2, 3, 4, 5:
		r.change(kind)
	case 6:
		r.s.notifyHealthy(map[string]int{r.name(): int(r.byte())})
	case 7, 8, 9:
		r.request(kind, r.nonces[kind], b == 7)
	default:
		r.request(kind, uint64(r.byte()), b == 10)
	}
	for range 1000 {
		next := r.s.next()
		if next == nil {
			r.check(t)
			return
		}
		r.nonces[next.kind] = next.nonce
		if m := r.p.encode(r.s, next); len(m.pieces) == 0 {
			t.Fatal("an empty message")
		}
	}
	t.Fatal("the session does not stop talking")
}

// change sets or takes away something in the store.
func (r *requests) change(kind resource.Type) {
	k := resource.Key{Type: kind, Audience: fleetF, Name: r.name()}
	if r.byte()%4 == 0 {
		k.Audience = resource.Everyone
	}
	if r.byte()%2 == 0 && kind >= resource.Listener {
		k.Part = "p" + r.name()
	}
	e := resource.Entry{Key: k}
	if b := r.byte(); b%4 > 0 {
		e.Output = &resource.Output{Bytes: []byte{b}, Invalid: b%16 == 5, HealthChecked: b%3 == 0, Drain: time.Duration(b) * time.Second}
		if b%5 == 0 {
			e.Output.Fallback = []byte{0}
		}
		if kind >= resource.Listener && b%7 < 3 {
			e.Output.Clusters = []resource.ClusterRef{{Name: r.name(), Healthy: b%2 == 0}}
		}
		if b%11 < 3 {
			e.Output.Fetches = []resource.Ref{{Type: resource.Endpoint, Name: r.name()}}
		}
	}
	r.store.apply(resource.ChangeSet{Entries: []resource.Entry{e}}, r.now())
}

func (r *requests) request(kind resource.Type, nonce uint64, refuse bool) {
	var detail *status.Status
	if refuse {
		detail = &status.Status{Message: "no"}
	}
	said := ""
	if nonce > 0 {
		said = fmt.Sprint(nonce)
	}
	if r.s.stateOfWorld {
		r.p.receive(r.s, kind, &discoveryv3.DiscoveryRequest{
			ResourceNames: r.names(), VersionInfo: r.name(), ResponseNonce: said, ErrorDetail: detail,
		})
		return
	}
	initial := map[string]string{}
	for _, name := range r.names() {
		initial[name] = r.name()
	}
	message := must1(proto.Marshal(&discoveryv3.DeltaDiscoveryRequest{
		ResourceNamesSubscribe: r.names(), ResourceNamesUnsubscribe: r.names(),
		InitialResourceVersions: initial, ResponseNonce: said, ErrorDetail: detail,
	}))
	req := &deltaRequest{}
	if err := req.Unmarshal(message); err != nil {
		panic(err)
	}
	r.p.receive(r.s, kind, req)
}

// check looks at what must hold whenever there is nothing to say.
func (r *requests) check(t *testing.T) {
	named := map[string]int{}
	count := func(p *content) {
		for _, ref := range p.output.Clusters {
			named[ref.Name]++
		}
	}
	for kind, sub := range r.s.subs {
		if sub == nil {
			continue
		}
		trials := map[atom]bool{}
		for _, trial := range sub.trials {
			for _, a := range trial {
				trials[a] = true
			}
		}
		for _, in := range sub.inflight {
			for _, c := range in.items {
				r.s.atoms(resource.Type(kind), c, func(a atom) { trials[a] = true })
			}
			for _, c := range in.adrift { // the Envoy may have it
				c.contents(count)
			}
		}
		for a := range sub.suspects {
			if !trials[a] {
				t.Fatalf("%+v is under suspicion, and will not be tried", a)
			}
		}
		sub.ids(func(id uint32) {
			h, _ := r.s.held(resource.Type(kind), id)
			for _, c := range append([]*composed{h.acked, h.sent}, h.maybe...) {
				c.contents(count)
			}
		})
	}
	for id, n := range r.s.named {
		if n == 0 {
			continue // it may be free by now; whatever is named is missed below
		}
		if name := r.store.names.of(uint32(id)); int(n) != named[name] {
			t.Fatalf("cluster %q is named %d times, counted %d", name, named[name], n)
		}
		delete(named, r.store.names.of(uint32(id)))
	}
	if len(named) > 0 {
		t.Fatalf("clusters are named %v, and not counted", named)
	}
	r.checkNames(t)
}

// checkNames looks whether names are kept for as long as they are needed, and no longer.
func (r *requests) checkNames(t *testing.T) {
	var awaited bitset
	r.s.waits.each(func(_, what ref) { awaited.add(what.id) })
	for id := range r.store.names.slots {
		used := r.store.names.slots[id].users.has(r.s.number)
		if needs := id != 0 && (r.s.needs(uint32(id)) || awaited.has(uint32(id))); needs && !used || used && !needs && r.s.quiet() {
			t.Fatalf("the name %q is used: %v, needed: %v", r.store.names.of(uint32(id)), used, needs)
		}
	}
}
