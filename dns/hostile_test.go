package dns

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Garbage, over UDP and TCP, keeps nobody from an answer: bytes that are no message, queries with
// some of their bytes changed, lengths that are not kept, connections that say nothing.
func TestGarbage(t *testing.T) {
	address := serve(t, NewServer(zoneOf(t, cluster), Options{Limits: DefaultLimits()}))
	good, err := query("web.shop.svc.cluster.local", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	garbage := func() []byte {
		if random.IntN(2) == 0 {
			all := make([]byte, random.IntN(1500))
			for i := range all {
				all[i] = byte(random.IntN(256))
			}
			return all
		}
		all := append([]byte(nil), good...)
		for range 1 + random.IntN(4) {
			all[random.IntN(len(all))] = byte(random.IntN(256))
		}
		return all
	}
	for round := range 200 {
		udp, err := net.Dial("udp", address)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := udp.Write(garbage()); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { _ = udp.Close() }()
		if round%20 > 0 {
			continue
		}
		for _, length := range []int{0, 1, 12, 65535} {
			tcp, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tcp.Close() }()
			_, _ = tcp.Write(append([]byte{byte(length >> 8), byte(length)}, garbage()...)) // it may be closed by then
		}
		for _, network := range []string{"udp", "tcp"} {
			// The garbage may fill the socket's buffer, so that the kernel drops a query: one asks again, as resolvers do.
			client := dns.Client{Net: network, Timeout: time.Second}
			var m *dns.Msg
			var err error
			for range 5 {
				if m, _, err = client.Exchange(query("web.shop.svc.cluster.local", dns.TypeA), address); err == nil {
					break
				}
			}
			if err != nil || text(m) != "NOERROR A 10.96.0.10" {
				t.Fatalf("round %d, over %s: %v %v", round, network, m, err)
			}
		}
	}
}
