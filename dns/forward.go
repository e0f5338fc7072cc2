package dns

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"
)

const (
	// patience is how long an upstream has for an answer, over UDP and once more over TCP.
	patience = 2 * time.Second
	// distrust is how long an upstream that has failed is asked last.
	distrust = 10 * time.Second
)

// question is what upstreams are asked, and what their answers are kept under.
type question struct {
	name              string
	qtype             uint16
	dnssec, unchecked bool // the flags DO and CD
}

func (q question) key() string {
	return fmt.Sprint(q.name, q.qtype, q.dnssec, q.unchecked)
}

// upstream is a resolver that is asked about names that are not ours.
type upstream struct {
	address string
	failed  atomic.Int64 // when it last did, in Unix nanoseconds; 0: not since it answered
}

// forwarder asks upstreams, and keeps what they say for as long as they say.
type forwarder struct {
	upstreams []*upstream
	slots     chan struct{}
	flight    singleflight.Group
	cache     *lru.Cache[question, *kept] // nil: nothing is kept
	now       func() time.Time
}

func newForwarder(o Options) *forwarder {
	f := &forwarder{slots: make(chan struct{}, o.Limits.Forwards), now: time.Now}
	for _, address := range o.Upstreams {
		f.upstreams = append(f.upstreams, &upstream{address: address})
	}
	if o.Limits.CacheSize > 0 {
		f.cache, _ = lru.New[question, *kept](o.Limits.CacheSize) // it fails only for a size of 0
	}
	return f
}

func (f *forwarder) cached() int {
	if f.cache == nil {
		return 0
	}
	return f.cache.Len()
}

// resolve answers a question. The answer is the caller's own, with the name as it was asked. It is
// nil when no upstream answers, from nobody when too many questions wait already.
func (f *forwarder) resolve(q question) (*dns.Msg, origin) {
	asked := q.name
	q.name = strings.ToLower(q.name)
	now := f.now()
	if f.cache != nil {
		if k, ok := f.cache.Get(q); ok && k.holds(now) {
			if k.wanted(now) {
				f.refresh(q)
			}
			return k.answer(asked, now), fromCache
		}
	}
	if !f.enter() {
		return nil, fromNobody
	}
	defer f.leave()
	k := f.ask(q)
	if k == nil {
		return nil, fromUpstream
	}
	return k.answer(asked, now), fromUpstream
}

func (f *forwarder) enter() bool {
	select {
	case f.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (f *forwarder) leave() { <-f.slots }

// refresh asks again before an answer that is asked for often is too old. Nobody waits for it.
func (f *forwarder) refresh(q question) {
	if !f.enter() {
		return
	}
	go func() {
		defer f.leave()
		f.ask(q)
	}()
}

// ask asks the upstreams, once for all who ask the same at the same time, and keeps the answer. It
// is nil when there is none.
func (f *forwarder) ask(q question) *kept {
	answer, _, _ := f.flight.Do(q.key(), func() (any, error) {
		k := keep(f.askAll(q), f.now())
		if f.cache != nil && k.lasts > 0 && k.small() {
			f.cache.Add(q, k)
		}
		return k, nil
	})
	if k := answer.(*kept); k.message != nil {
		return k
	}
	return nil
}

// askAll asks one upstream after the other until one has an answer. Where all fail, it is what one
// of them said of that, else nil.
func (f *forwarder) askAll(q question) *dns.Msg {
	m := &dns.Msg{}
	m.SetQuestion(q.name, q.qtype)
	m.CheckingDisabled = q.unchecked
	m.SetEdns0(uint16(DefaultLimits().UDPSize), q.dnssec)
	var failure *dns.Msg
	for _, u := range f.order() {
		m.Id = dns.Id()
		said, err := exchange(m, u.address)
		switch {
		case err != nil:
			u.failed.Store(f.now().UnixNano())
		case said.Rcode == dns.RcodeServerFailure || said.Rcode == dns.RcodeRefused || said.Rcode == dns.RcodeNotImplemented:
			failure = said
		default:
			u.failed.Store(0)
			return said
		}
	}
	return failure
}

// order gives the upstreams as they are configured, those that have just failed last.
func (f *forwarder) order() []*upstream {
	var first, last []*upstream
	recently := f.now().Add(-distrust).UnixNano()
	for _, u := range f.upstreams {
		if u.failed.Load() > recently {
			last = append(last, u)
		} else {
			first = append(first, u)
		}
	}
	return append(first, last...)
}

var errOther = errors.New("the answer is to another question")

// exchange asks one upstream, from a port of its own each time, so that nobody else can answer in
// its place without seeing the question.
func exchange(m *dns.Msg, address string) (*dns.Msg, error) {
	for _, protocol := range []string{"udp", "tcp"} {
		client := dns.Client{Net: protocol, Timeout: patience}
		said, _, err := client.Exchange(m, address)
		switch {
		case err != nil:
			return nil, err
		case len(said.Question) != 1 || !strings.EqualFold(said.Question[0].Name, m.Question[0].Name) || said.Question[0].Qtype != m.Question[0].Qtype:
			return nil, errOther
		case !said.Truncated:
			return said, nil
		}
	}
	return nil, errors.New("the answer does not fit into a message")
}
