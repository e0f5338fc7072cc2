package allocation

import (
	"fmt"
	"maps"
	"net/netip"
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
		kind:    nodePort{port: 80, protocol: corev1.ProtocolTCP, within: small},
		service: api.Key{Kind: api.KindService, Namespace: "default", Name: name},
		wanted:  value{port: wanted}, recorded: value{port: recorded},
	}
}

// front makes a claim for an address at one port.
func front(name string, port int32, wanted, recorded string) claim {
	address := func(s string) value {
		a, _ := netip.ParseAddr(s)
		return value{address: a}
	}
	return claim{
		kind: frontAddress{
			fleet: "default", pool: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/30"), netip.MustParsePrefix("fd00::/127")},
			ports: []place{{protocol: corev1.ProtocolTCP, port: port}},
		},
		service: api.Key{Kind: api.KindService, Namespace: "default", Name: name},
		wanted:  address(wanted), recorded: address(recorded),
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
				if want.port == -1 && test.claims[i].fits(got.value) {
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
		c := ask(fmt.Sprintf("s%d", i), 0, 0)
		c.kind = nodePort{port: 80, protocol: corev1.ProtocolTCP, within: small, avoid: map[int32]bool{30007: true}}
		claims = append(claims, c)
	}
	none := 0
	for _, g := range assign(claims, nil) {
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
	tcp.kind = nodePort{port: 53, name: "tcp", protocol: corev1.ProtocolTCP, within: small}
	udp.kind = nodePort{port: 53, name: "udp", protocol: corev1.ProtocolUDP, within: small, index: 1}
	got := assign([]claim{tcp, udp}, nil)
	if got[0].port == 0 || got[0].port != got[1].port {
		t.Errorf("TCP has %d, UDP %d", got[0].port, got[1].port)
	}
}

// Each Service has an address of its own as long as there are any; then they share them, but never a port.
func TestAssignAddresses(t *testing.T) {
	for name, test := range map[string]struct {
		claims []claim
		want   []string
	}{
		"one each, without the network and broadcast addresses": {
			[]claim{front("a", 80, "", ""), front("b", 80, "", ""), front("c", 80, "", "")}, []string{"10.0.0.1", "10.0.0.2", "fd00::"},
		},
		"shared when there is no other": {
			[]claim{front("a", 80, "10.0.0.1", ""), front("b", 80, "10.0.0.2", ""), front("c", 80, "fd00::", ""), front("d", 80, "fd00::1", ""), front("e", 443, "", ""), front("f", 80, "", "")},
			[]string{"10.0.0.1", "10.0.0.2", "fd00::", "fd00::1", "10.0.0.1", ""},
		},
		"asked for": {[]claim{front("a", 80, "10.0.0.2", ""), front("b", 80, "10.0.0.2", ""), front("c", 443, "10.0.0.2", ""), front("d", 80, "10.9.9.9", "")}, []string{"10.0.0.2", "", "10.0.0.2", ""}},
		"recorded":  {[]claim{front("a", 80, "", ""), front("b", 80, "", "10.0.0.1"), front("c", 80, "10.0.0.1", "10.0.0.2")}, []string{"fd00::", "10.0.0.1", "10.0.0.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, g := range assign(test.claims, nil) {
				got := ""
				if g.address.IsValid() {
					got = g.address.String()
				}
				if got != test.want[i] || got == "" && g.why == granted {
					t.Errorf("%s has %q (%d), want %q", test.claims[i].service, got, g.why, test.want[i])
				}
			}
		})
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
		if used[c.recorded.port] {
			c.recorded = value{} // what is recorded is of one alone
		}
		used[c.recorded.port] = true
		claims = append(claims, c)
	}
	grants := assign(claims, nil)
	owners, got := map[int32]int{}, map[api.Key]int32{}
	for i, g := range grants {
		c := &claims[i]
		got[c.service] = g.port
		if first, twice := owners[g.port]; twice && g.port != 0 {
			t.Fatalf("%s and %s have %d", claims[first].service, c.service, g.port)
		}
		owners[g.port] = i
		switch {
		case c.recorded.port != 0 && !c.moves() && g.port != c.recorded.port:
			t.Fatalf("%s moved from %d to %d", c.service, c.recorded.port, g.port)
		case g.why == granted && c.wanted.port != 0 && g.port != c.wanted.port:
			t.Fatalf("%s has %d, and nobody says why it is not %d", c.service, g.port, c.wanted.port)
		case c.recorded.port != 0 && g.port == 0:
			t.Fatalf("%s had %d and has lost it", c.service, c.recorded.port)
		}
	}
	shuffled := rapid.Permutation(claims).Draw(t, "order")
	for i, g := range assign(slices.Clone(shuffled), nil) {
		if got[shuffled[i].service] != g.port {
			t.Fatalf("in another order %s has %d, not %d", shuffled[i].service, g.port, got[shuffled[i].service])
		}
	}
	again := map[api.Key]int32{}
	for i := range claims {
		claims[i].recorded = grants[i].value
	}
	for i, g := range assign(claims, nil) {
		again[claims[i].service] = g.port
	}
	for k, port := range got {
		if port != 0 && again[k] != port && claims[slices.IndexFunc(claims, func(c claim) bool { return c.service == k })].wanted.port != again[k] {
			t.Fatalf("asked again, %s has %d, not %d\n%v\n%v", k, again[k], port, maps.All(got), maps.All(again))
		}
	}
}
