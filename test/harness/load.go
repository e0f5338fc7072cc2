package harness

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Stream is one part of a load: requests at a constant rate to one place.
type Stream struct {
	// Name tells the stream's samples apart; streams may share one.
	Name string
	// URL is asked with GET, or Method.
	URL, Method string
	// Host is the Host header; empty: that of the URL.
	Host   string
	Header http.Header
	// HTTP2 means prior knowledge for http URLs, ALPN for https.
	HTTP2 bool
	// TLS is for https; nil: the system's.
	TLS *tls.Config
	// Rate is in requests per second.
	Rate int
	// Connections bounds how many connections HTTP/2 spreads over; 0 means 4. HTTP/1.1 opens
	// what it needs.
	Connections int
	// Timeout of a request; 0 means 10 s.
	Timeout time.Duration
}

// Sample is one request that has ended.
type Sample struct {
	Stream   string
	Start    time.Time
	Latency  time.Duration
	Code     int    // 0 when there was no answer
	Version  string // VersionHeader
	Endpoint string // EndpointHeader
	Failure  string // empty when the answer was 200
}

// End is when the answer was there in full.
func (s Sample) End() time.Time { return s.Start.Add(s.Latency) }

// Load sends streams until it is stopped, and keeps all samples.
type Load struct {
	env       *Env
	attackers []*vegeta.Attacker
	clients   []*http.Client
	done      sync.WaitGroup
	sent      atomic.Int64
	failed    atomic.Int64

	mu      sync.Mutex
	samples []Sample
}

// Load starts streams. Stop it before you look at what came out; it ends with the test.
func (e *Env) Load(streams ...Stream) *Load {
	e.Helper()
	l := &Load{env: e}
	for _, s := range streams {
		l.start(s)
	}
	e.Cleanup(func() { l.Stop() })
	return l
}

// maxInFlight bounds a stream's requests under way. On a machine that cannot keep up the rate
// falls, rather than everything breaking down.
const maxInFlight = 256

// start begins one stream.
func (l *Load) start(s Stream) {
	target := vegeta.Target{Method: s.Method, URL: s.URL, Header: s.Header.Clone()}
	if target.Method == "" {
		target.Method = http.MethodGet
	}
	if target.Header == nil {
		target.Header = http.Header{}
	}
	if s.Host != "" {
		target.Header.Set("Host", s.Host) // vegeta makes it the request's host
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	client := s.Client()
	client.Timeout = timeout
	a := vegeta.NewAttacker(vegeta.Client(client), vegeta.Workers(16), vegeta.MaxWorkers(maxInFlight))
	l.clients = append(l.clients, client)
	l.attackers = append(l.attackers, a)
	results := a.Attack(vegeta.NewStaticTargeter(target), vegeta.Rate{Freq: s.Rate, Per: time.Second}, 0, "")
	l.done.Add(1)
	go func() {
		defer l.done.Done()
		for r := range results {
			l.add(s.Name, r)
		}
	}()
}

func (l *Load) add(stream string, r *vegeta.Result) {
	s := Sample{Stream: stream, Start: r.Timestamp, Latency: r.Latency, Code: int(r.Code)}
	if r.Headers != nil {
		s.Version, s.Endpoint = r.Headers.Get(VersionHeader), r.Headers.Get(EndpointHeader)
	}
	switch {
	case s.Code != http.StatusOK && s.Code != 0:
		s.Failure = fmt.Sprintf("%d %.200s", s.Code, r.Body)
	case r.Error != "":
		s.Failure = r.Error
	}
	l.sent.Add(1)
	if s.Failure != "" {
		l.failed.Add(1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
}

// Sent and Failed count the requests that have ended until now.
func (l *Load) Sent() int64   { return l.sent.Load() }
func (l *Load) Failed() int64 { return l.failed.Load() }

// Stop ends the load, lets what is under way finish, and gives all samples in the order of
// their ends. It may be called again.
func (l *Load) Stop() Samples {
	for _, a := range l.attackers {
		a.Stop()
	}
	l.done.Wait()
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
	return l.Samples()
}

// Samples gives those of requests that have ended until now.
func (l *Load) Samples() Samples {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.samples[:len(l.samples):len(l.samples)]
}

// transport builds the client's side of a stream.
func (s Stream) transport() http.RoundTripper {
	n := 1
	if s.HTTP2 {
		if n = s.Connections; n == 0 {
			n = 4
		}
	}
	all := make(spread, n)
	for i := range all {
		t := &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 1000,
			DisableCompression:  true,
			TLSClientConfig:     s.TLS.Clone(), // the transport writes to it
			Protocols:           new(http.Protocols),
		}
		t.Protocols.SetHTTP1(!s.HTTP2)
		t.Protocols.SetHTTP2(s.HTTP2)
		t.Protocols.SetUnencryptedHTTP2(s.HTTP2)
		all[i] = t
	}
	return &roundRobin{all: all}
}

type spread []*http.Transport

// roundRobin spreads requests over transports, since HTTP/2 keeps one connection to a place.
type roundRobin struct {
	all  spread
	next atomic.Uint64
}

func (r *roundRobin) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.all[r.next.Add(1)%uint64(len(r.all))].RoundTrip(req)
}

func (r *roundRobin) CloseIdleConnections() {
	for _, t := range r.all {
		t.CloseIdleConnections()
	}
}

// Client is a client for single requests, of the same kind as a stream's.
func (s Stream) Client() *http.Client {
	return &http.Client{
		Transport: s.transport(), Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Request builds one request of the stream.
func (s Stream) Request() (*http.Request, error) {
	method := s.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, s.URL, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range s.Header {
		req.Header[k] = v
	}
	if s.Host != "" {
		req.Host = s.Host
	}
	return req, nil
}
