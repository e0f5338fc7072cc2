package xds

import (
	"fmt"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// refusesAll is an Envoy that refuses so many new clusters, each by itself.
func refusesAll(t *testing.T, clusters int) *scene {
	t.Helper()
	s := newScene(t, func(*world) {})
	for i := range clusters {
		name := fmt.Sprint("c", i)
		s.clusters[name] = 0
		s.refuses(part(resource.Cluster, name, ""))
	}
	s.sends()
	s.e.answerAll()
	s.refused(clusters)
	return s
}

// refused fails unless the server knows so many refusals.
func (s *scene) refused(want int) {
	s.Helper()
	if got := len(s.e.s.refusalList()); got != want {
		s.Fatalf("%d contents are refused, want %d", got, want)
	}
}

// An Envoy that refuses everything is sent few retries, however much that is, and each has its turn.
func TestAnEnvoyThatRefusesEverythingMakesLittleWork(t *testing.T) {
	const many = 5 * maxRetries
	s := refusesAll(t, many)
	tried := map[string]bool{}
	for minute := range 10 {
		before := s.e.heard
		for range 60 {
			s.passes(time.Second)
			for _, r := range s.e.mail {
				for _, c := range r.items {
					tried[c.name] = true
				}
			}
			s.refused(many) // also while some are on their way
			s.e.answerAll()
			s.refused(many)
		}
		if sent, most := s.e.heard-before, 3*maxRetries; sent == 0 || sent > most {
			t.Errorf("minute %d: %d responses, want some, and %d at most", minute, sent, most)
		}
	}
	if len(tried) != many {
		t.Errorf("%d of %d were tried again", len(tried), many)
	}
}

// Once the cause is gone, all follow within seconds of the first that is accepted.
func TestRetriesThatAreAcceptedDoNotWait(t *testing.T) {
	const many = 5 * maxRetries
	s := refusesAll(t, many)
	s.e.bad = map[hash]bool{}
	s.clock = s.clock.Add(retryTime)
	for range 3 * many / maxRetries {
		s.passes(lookTime)
		s.e.answerAll()
	}
	s.refused(0)
	s.isNewest(resource.Cluster, "c0")
	s.isNewest(resource.Cluster, fmt.Sprint("c", many-1))
}

// What is changed is tried at once, whatever else is refused.
func TestAChangeDoesNotWaitForRetries(t *testing.T) {
	const many = 5 * maxRetries
	s := refusesAll(t, many)
	s.passes(retryTime)
	s.e.answerAll() // no more retries for now
	s.clusters["c7"] = 2
	s.sends()
	s.e.answerAll()
	s.isNewest(resource.Cluster, "c7")
	s.refused(many - 1)
}

// The session says when it has to be looked at: at once is not an answer while it may do nothing.
func TestAnEnvoyThatRefusesEverythingIsNotLookedAtAllTheTime(t *testing.T) {
	s := refusesAll(t, 5*maxRetries)
	looks := 0
	for end := s.clock.Add(5 * retryTime); s.clock.Before(end); looks++ {
		at := s.e.s.wake()
		if at.IsZero() {
			t.Fatal("it is never looked at again")
		}
		if at.After(s.clock) {
			s.clock = at
		}
		if s.e.drain(); len(s.e.mail) > 0 {
			s.e.answerAll()
		}
	}
	if most := 20; looks < 5 || looks > most {
		t.Errorf("it is looked at %d times, want 5 to %d", looks, most)
	}
}

// A refusal that is tried again, and refused again, is one since the first time.
func TestARefusalStaysWhileItIsTriedAgain(t *testing.T) {
	s := refusesAll(t, 1)
	first := s.e.s.refusalList()[0].Since
	for range 3 {
		s.passes(retryTime)
		if len(s.e.mail) == 0 {
			t.Fatal("it is not tried again")
		}
		s.refused(1)
		s.e.answerAll()
		s.refused(1)
	}
	if got := s.e.s.refusalList()[0].Since; !got.Equal(first) {
		t.Errorf("it is refused since %s, want %s", got, first)
	}
	s.e.bad = map[hash]bool{}
	s.passes(retryTime)
	s.e.answerAll()
	s.refused(0)
}
