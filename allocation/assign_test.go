package allocation

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

var small = []v1alpha1.PortRange{{First: 30000, Last: 30009}}

// ask makes a claim for the only port of a Service.
func ask(name string, wanted, recorded int32) claim {
	return claim{
		service: api.Key{Kind: api.KindService, Namespace: "default", Name: name}, port: 80,
		protocol: corev1.ProtocolTCP, wanted: wanted, recorded: recorded, within: small,
	}
}

func TestAssign(t *testing.T) {
	type want struct {
		port  int32 // -1: some free one
		why   refusal
		rival string
	}
	for name, test := range map[string]struct {
		claims []claim
		want   []want
	}{
		"a number that is asked for":                   {[]claim{ask("a", 30003, 0)}, []want{{30003, granted, ""}}},
		"a free one":                                   {[]claim{ask("a", 0, 0)}, []want{{-1, granted, ""}}},
		"two ask for one: the first by name":           {[]claim{ask("b", 30003, 0), ask("a", 30003, 0)}, []want{{0, taken, "a"}, {30003, granted, ""}}},
		"who had it keeps it":                          {[]claim{ask("a", 30003, 0), ask("b", 0, 30003)}, []want{{0, taken, "b"}, {30003, granted, ""}}},
		"who cannot move keeps what it had":            {[]claim{ask("a", 30003, 30001), ask("b", 0, 30003)}, []want{{30001, taken, "b"}, {30003, granted, ""}}},
		"a swap":                                       {[]claim{ask("a", 30001, 30002), ask("b", 30002, 30001)}, []want{{30001, granted, ""}, {30002, granted, ""}}},
		"one who cannot move after all is not evicted": {[]claim{ask("a", 30001, 30002), ask("b", 30005, 30001), ask("c", 0, 30005)}, []want{{30002, taken, "b"}, {30001, taken, "c"}, {30005, granted, ""}}},
		"outside the range":                            {[]claim{ask("a", 8080, 0)}, []want{{0, outOfRange, ""}}},
		"outside, and it had one":                      {[]claim{ask("a", 8080, 30004)}, []want{{30004, outOfRange, ""}}},
		"the range was changed: it stays":              {[]claim{ask("a", 0, 8080), ask("b", 8081, 8081)}, []want{{8080, granted, ""}, {8081, granted, ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, got := range assign(test.claims, nil) {
				want, rival := test.want[i], ""
				if got.rival != nil {
					rival = got.rival.service.Name
				}
				if want.port == -1 && test.claims[i].fits(got.port) {
					want.port = got.port
				}
				if got.port != want.port || got.why != want.why || rival != want.rival {
					t.Errorf("%s: %d, %d by %q, want %+v", test.claims[i].service, got.port, got.why, rival, want)
				}
			}
		})
	}
}

// A full range: everybody but the last has a number; what is avoided is never chosen.
func TestAssignExhausted(t *testing.T) {
	var claims []claim
	for i := range 10 {
		claims = append(claims, ask(fmt.Sprintf("s%d", i), 0, 0))
	}
	none := 0
	for _, g := range assign(claims, map[int32]bool{30007: true}) {
		if g.port == 30007 {
			t.Error("30007 was chosen")
		}
		if g.why == exhausted {
			none++
		}
	}
	if none != 1 {
		t.Errorf("%d have none, want 1", none)
	}
}

// DNS over TCP and UDP is reached on one number, if there is such.
func TestAssignSiblings(t *testing.T) {
	tcp, udp := ask("dns", 0, 0), ask("dns", 0, 0)
	tcp.name, udp.name, udp.index, udp.protocol = "tcp", "udp", 1, corev1.ProtocolUDP
	got := assign([]claim{tcp, udp}, nil)
	if got[0].port == 0 || got[0].port != got[1].port {
		t.Errorf("TCP has %d, UDP %d", got[0].port, got[1].port)
	}
}

// Whatever is asked for: nobody has what another has; the order of the claims does not matter; what is
// recorded and not asked to change never moves; and what was given stays when it is asked again.
func TestAssignProperties(t *testing.T) { rapid.Check(t, assignProperties) }

func assignProperties(t *rapid.T) {
	numbers := rapid.SampledFrom([]int32{0, 0, 0, 30000, 30001, 30002, 30003, 8080})
	used := map[int32]bool{}
	var claims []claim
	for i := range rapid.IntRange(0, 12).Draw(t, "claims") {
		c := ask(fmt.Sprintf("s%d", i), numbers.Draw(t, "wanted"), numbers.Draw(t, "recorded"))
		if used[c.recorded] {
			c.recorded = 0 // what is recorded is of one alone
		}
		used[c.recorded] = true
		claims = append(claims, c)
	}
	avoid := map[int32]bool{30004: rapid.Bool().Draw(t, "avoid")}
	grants := assign(claims, avoid)
	owners, got := map[int32]int{}, map[api.Key]int32{}
	for i, g := range grants {
		c := &claims[i]
		got[c.service] = g.port
		if first, twice := owners[g.port]; twice && g.port != 0 {
			t.Fatalf("%s and %s have %d", claims[first].service, c.service, g.port)
		}
		owners[g.port] = i
		switch {
		case c.recorded != 0 && !c.moves() && g.port != c.recorded:
			t.Fatalf("%s moved from %d to %d", c.service, c.recorded, g.port)
		case g.why == granted && c.wanted != 0 && g.port != c.wanted:
			t.Fatalf("%s has %d, and nobody says why it is not %d", c.service, g.port, c.wanted)
		case c.recorded != 0 && g.port == 0:
			t.Fatalf("%s had %d and has lost it", c.service, c.recorded)
		}
	}
	shuffled := rapid.Permutation(claims).Draw(t, "order")
	for i, g := range assign(slices.Clone(shuffled), avoid) {
		if got[shuffled[i].service] != g.port {
			t.Fatalf("in another order %s has %d, not %d", shuffled[i].service, g.port, got[shuffled[i].service])
		}
	}
	again := map[api.Key]int32{}
	for i := range claims {
		claims[i].recorded = grants[i].port
	}
	for i, g := range assign(claims, avoid) {
		again[claims[i].service] = g.port
	}
	for k, port := range got {
		if port != 0 && again[k] != port && claims[slices.IndexFunc(claims, func(c claim) bool { return c.service == k })].wanted != again[k] {
			t.Fatalf("asked again, %s has %d, not %d\n%v\n%v", k, again[k], port, maps.All(got), maps.All(again))
		}
	}
}
