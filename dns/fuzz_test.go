package dns

import (
	"testing"

	"github.com/miekg/dns"
)

// Whatever bytes come, the answer is one: to that query, that can be sent, and not too long.
func FuzzReply(f *testing.F) {
	zone := zoneOf(f, cluster)
	servers := []*Server{
		NewServer(zone, Options{Limits: DefaultLimits()}),
		NewServer(NewZone(ZoneOptions{}), Options{Limits: DefaultLimits()}),
	}
	for _, owner := range []string{"web.shop.svc.cluster.local", "_sql._tcp.db.data.svc.cluster.local", "outside.shop.svc.cluster.local", "10.0.96.10.in-addr.arpa", "10-0-0-1.shop.pod.cluster.local"} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeANY} {
			q := query(owner, qtype)
			q.SetEdns0(1400, true)
			packed, err := q.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(packed, true)
		}
	}
	f.Add([]byte{0, 1, 2}, false)
	f.Fuzz(func(t *testing.T, packet []byte, udp bool) {
		q := &dns.Msg{}
		if q.Unpack(packet) != nil {
			return // the library answers that it is malformed
		}
		protocol, limit := "tcp", dns.MaxMsgSize
		if udp {
			protocol, limit = "udp", DefaultLimits().UDPSize
		}
		for _, s := range servers {
			m, _ := s.reply(q, protocol)
			packed, err := m.Pack()
			if err != nil {
				t.Fatalf("the answer cannot be sent: %v\n%v\n%v", err, q, m)
			}
			back := &dns.Msg{}
			if err := back.Unpack(packed); err != nil {
				t.Fatalf("the answer cannot be read: %v\n%v", err, m)
			}
			if len(packed) > limit || back.Id != q.Id || !back.Response {
				t.Fatalf("%d bytes:\n%v\n%v", len(packed), q, m)
			}
		}
	})
}
