package dns

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// longest is how long an answer is kept at most.
	longest = time.Hour
	// longestNegative is that for a name, or a type, that is not there.
	longestNegative = 30 * time.Second
	// failureLasts is how long a failure is kept: who asks again at once would meet it again.
	// https://www.rfc-editor.org/rfc/rfc9520
	failureLasts = time.Second
	// largest is the size, in bytes, of an answer that is kept at most.
	largest = 4096
)

// kept is an answer of an upstream. The message is never changed.
type kept struct {
	message *dns.Msg // nil: nobody answers
	since   time.Time
	lasts   time.Duration
	used    atomic.Bool // it has been asked for again
	renewed atomic.Bool // somebody sees to it
}

func keep(m *dns.Msg, now time.Time) *kept { return &kept{message: m, since: now, lasts: lasts(m)} }

// lasts is for how long an answer may be kept.
// https://www.rfc-editor.org/rfc/rfc2308
func lasts(m *dns.Msg) time.Duration {
	switch {
	case m == nil:
		return 0
	case m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0 && !onlyAliases(m):
		least := longest
		for _, r := range m.Answer {
			least = min(least, seconds(r.Header().Ttl))
		}
		return least
	case m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError:
		least := longestNegative
		for _, r := range m.Answer {
			least = min(least, seconds(r.Header().Ttl))
		}
		for _, r := range m.Ns {
			if soa, ok := r.(*dns.SOA); ok {
				return min(least, seconds(soa.Minttl), seconds(soa.Hdr.Ttl))
			}
		}
		return 0
	}
	return failureLasts
}

// onlyAliases says whether names lead to others, and to nothing at the end.
func onlyAliases(m *dns.Msg) bool {
	if len(m.Question) == 1 && m.Question[0].Qtype == dns.TypeCNAME {
		return false
	}
	for _, r := range m.Answer {
		if r.Header().Rrtype != dns.TypeCNAME {
			return false
		}
	}
	return true
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }

func (k *kept) small() bool { return k.message.Len() <= largest }

func (k *kept) holds(now time.Time) bool { return now.Sub(k.since) < k.lasts }

// wanted says, once, that an answer has been asked for more than once and is in the last tenth of
// its time.
func (k *kept) wanted(now time.Time) bool {
	again := k.used.Swap(true)
	return again && now.Sub(k.since) >= k.lasts-k.lasts/10 && k.renewed.CompareAndSwap(false, true)
}

// answer copies the message for a client: with the name as it was asked, the time that is left, and
// beginning with another address each time.
func (k *kept) answer(asked string, now time.Time) *dns.Msg {
	age := uint32(max(0, now.Sub(k.since)) / time.Second)
	m := &dns.Msg{MsgHdr: k.message.MsgHdr}
	m.Answer = rotateAddresses(aged(k.message.Answer, asked, age))
	m.Ns = aged(k.message.Ns, asked, age)
	m.Extra = aged(k.message.Extra, asked, age)
	return m
}

func aged(all []dns.RR, asked string, age uint32) []dns.RR {
	var copies []dns.RR
	for _, r := range all {
		if r.Header().Rrtype == dns.TypeOPT {
			continue // it is about the connection, not the answer
		}
		r = dns.Copy(r)
		h := r.Header()
		h.Ttl -= min(h.Ttl, age)
		if strings.EqualFold(h.Name, asked) {
			h.Name = asked
		}
		copies = append(copies, r)
	}
	return copies
}

// rotateAddresses turns the addresses at the end, and leaves the aliases before them as they are.
func rotateAddresses(all []dns.RR) []dns.RR {
	first := len(all)
	for first > 0 && (all[first-1].Header().Rrtype == dns.TypeA || all[first-1].Header().Rrtype == dns.TypeAAAA) {
		first--
	}
	copy(all[first:], rotate(all[first:], len(all)-first))
	return all
}
