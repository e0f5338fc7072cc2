package harness

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What passes over a slow link takes its time, and more the larger it is. Only lower bounds are
// asked for: a busy machine makes everything slower.
func TestSlowLinkIsSlow(t *testing.T) {
	e := New(t)
	b := e.Backend("far")
	const delay, rate = 50 * time.Millisecond, 20 << 10
	link := e.SlowLink(b.Address.String(), delay, rate)
	s := Stream{URL: "http://" + link.Address + "/"}
	began := time.Now()
	if err := s.Answers("far")(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("an answer took %s, and the line alone takes %s each way", took, delay)
	}
	padding := strings.Repeat("x", 10<<10)
	s.Header = http.Header{"X-Padding": {padding}}
	began = time.Now()
	if err := s.Answers("far")(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*delay+time.Duration(len(padding))*time.Second/rate {
		t.Errorf("a request with 10 KiB took %s at 20 KiB a second", took)
	}
	b.Close()
	if err := s.Answers("far")(); err == nil {
		t.Error("a connection to nobody was answered")
	}
}
