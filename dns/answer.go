package dns

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// ttl is for how long, in seconds, an answer about the cluster holds. It is what CoreDNS has.
const ttl = 5

// maxAliases is how many names in the domain may stand for each other in a row.
const maxAliases = 8

// answer is what the snapshot says to a question.
type answer struct {
	rcode         int
	records       []dns.RR
	authority     []dns.RR
	extra         []dns.RR
	authoritative bool
	// next is the name that the question is to be asked about elsewhere; empty: this is all.
	next string
}

// answer answers a question, with no more than so many records of a kind: what cannot be sent need
// not be made.
func (s *snapshot) answer(q *dns.Question, most int) answer {
	a := answer{authoritative: true}
	owner := q.Name // as it was asked: some look whether it comes back in the same case
	lower := strings.ToLower(owner)
	for range maxAliases {
		n, there, ours := s.find(lower)
		switch {
		case !ours:
			a.next, a.authoritative = owner, len(a.records) > 0
			return a
		case !there:
			a.rcode = dns.RcodeNameError
			a.authority = []dns.RR{s.soa()}
			return a
		case n.alias != "":
			a.records = append(a.records, &dns.CNAME{Hdr: header(owner, dns.TypeCNAME), Target: n.alias})
			if q.Qtype == dns.TypeCNAME {
				return a
			}
			owner, lower = n.alias, n.alias
			continue
		}
		before := len(a.records)
		s.put(&a, &n, owner, q.Qtype, most)
		if len(a.records) == before {
			a.authority = []dns.RR{s.soa()}
		}
		return a
	}
	return answer{rcode: dns.RcodeServerFailure} // in circles
}

// put adds what is at a name of the type that is asked for.
func (s *snapshot) put(a *answer, n *node, owner string, qtype uint16, most int) {
	switch qtype {
	case dns.TypeA, dns.TypeAAAA:
		a.records = append(a.records, addressRecords(owner, qtype, n.addresses, most)...)
	case dns.TypeSRV:
		s.putPorts(a, n, owner, most)
	case dns.TypePTR:
		for _, target := range n.names[:min(most, len(n.names))] {
			a.records = append(a.records, &dns.PTR{Hdr: header(owner, dns.TypePTR), Ptr: target})
		}
	case dns.TypeTXT:
		if n.text != "" {
			a.records = append(a.records, &dns.TXT{Hdr: header(owner, dns.TypeTXT), Txt: []string{n.text}})
		}
	case dns.TypeSOA:
		if n.apex {
			a.records = append(a.records, s.soa())
		}
	case dns.TypeNS:
		if n.apex {
			a.records = append(a.records, &dns.NS{Hdr: header(owner, dns.TypeNS), Ns: s.server()})
		}
	case dns.TypeANY: // https://www.rfc-editor.org/rfc/rfc8482#section-4.2
		a.records = append(a.records, &dns.HINFO{Hdr: header(owner, dns.TypeHINFO), Cpu: "RFC8482"})
	}
}

// putPorts adds the places of a port, all with the same chance, and their addresses.
func (s *snapshot) putPorts(a *answer, n *node, owner string, most int) {
	ports := rotate(n.ports, most)
	if len(ports) == 0 {
		return
	}
	r := s.service(n.of.namespace, n.of.name)
	for _, p := range ports {
		target, addresses := n.of.part()+"."+s.domain, r.addresses
		if p.host != "" {
			target, addresses = p.host+"."+target, r.hosts[p.host]
		}
		weight := uint16(max(1, 100/len(n.ports)))
		a.records = append(a.records, &dns.SRV{Hdr: header(owner, dns.TypeSRV), Weight: weight, Port: p.number, Target: target})
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			a.extra = append(a.extra, addressRecords(target, qtype, addresses, most)...)
		}
	}
}

// addressRecords gives the addresses of one family, beginning with any of them, so that clients
// that take the first spread over all.
func addressRecords(owner string, qtype uint16, addresses []netip.Addr, most int) []dns.RR {
	v4 := 0 // those of IPv4 come first
	for v4 < len(addresses) && addresses[v4].Is4() {
		v4++
	}
	if qtype == dns.TypeA {
		addresses = addresses[:v4]
	} else {
		addresses = addresses[v4:]
	}
	if len(addresses) == 0 {
		return nil
	}
	all := make([]dns.RR, 0, min(most, len(addresses)))
	for _, a := range rotate(addresses, most) {
		if qtype == dns.TypeA {
			all = append(all, &dns.A{Hdr: header(owner, qtype), A: a.AsSlice()})
		} else {
			all = append(all, &dns.AAAA{Hdr: header(owner, qtype), AAAA: a.AsSlice()})
		}
	}
	return all
}

// rotate gives at most so many of all, beginning with any. It may be the slice itself.
func rotate[T any](all []T, most int) []T {
	if len(all) <= 1 {
		return all
	}
	begin := rand.IntN(len(all))
	rotated := make([]T, min(most, len(all)))
	for i := range rotated {
		rotated[i] = all[(begin+i)%len(all)]
	}
	return rotated
}

// soa says for how long it holds that something is not there.
func (s *snapshot) soa() dns.RR {
	return &dns.SOA{
		Hdr: header(s.domain, dns.TypeSOA), Ns: s.server(), Mbox: "hostmaster." + s.domain,
		Serial: s.serial, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
	}
}

// server is the name that the domain's server goes by. It is not known where that is: whoever is
// asked has found it.
func (s *snapshot) server() string { return "ns.dns." + s.domain }

func header(owner string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}
