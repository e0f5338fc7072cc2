package xds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/resource"
)

// protocol is a variant of xDS: it puts a session's conversation into messages.
type protocol interface {
	newRequest() request
	// receive takes a request of a known type into the session.
	receive(*session, resource.Type, request)
	// encode puts a response that the session has just made into its wire form.
	encode(*session, *response) *encoded
	// identity is the field of a response that says who the control plane is.
	identity(of string) []byte
}

// conn is one stream of discovery. Its session is guarded by mu.
type conn struct {
	protocol protocol
	stream   grpc.ServerStream
	only     *resource.Type // what it is about; nil: all types (ADS)
	since    time.Time
	peer     string // where it comes from
	identity []byte // who we are, as a field of every response

	patience time.Duration // how long the client may leave a response unread or unanswered
	unread   *unread

	mu      sync.Mutex
	session *session
	ended   time.Time // zero while the stream is open
	heard   time.Time // when the client said something last
	watched time.Time // since when its next word is news: see twins.go
	counts  counts
}

// counts are what a stream has carried since it began.
type counts struct{ sent, resources uint64 }

// serve runs a stream until the client or the server ends it.
func (s *Server) serve(stream grpc.ServerStream, p protocol, only *resource.Type) error {
	c := &conn{
		protocol: p, stream: stream, only: only, identity: p.identity(s.identifier), since: s.now(), peer: peerOf(stream.Context()),
		patience: s.guard.limits.AnswerTimeout, unread: newUnread(s.guard.limits.AnswerTimeout),
	}
	defer s.leave(c)
	ended := make(chan error, 1)
	go func() { ended <- s.converse(c) }()
	select {
	case err := <-ended:
		return err
	case <-c.unread.tooLong.C: // with the end of the stream, sending ends, too
		return c.tooSlow("has not read a response")
	}
}

// converse takes in what the client says, and sends what there is to say.
func (s *Server) converse(c *conn) error {
	requests, handled, failed := make(chan request), make(chan struct{}, 1), make(chan error, 1)
	go func() { failed <- c.read(requests, handled) }() // ends with the stream at the latest
	var wake <-chan struct{}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case r := <-requests:
			if c.session == nil {
				if r.GetNode().GetId() == "" {
					return grpcstatus.Error(codes.InvalidArgument, "the first request must carry node.id")
				}
				s.join(c, nodeOf(r.GetNode()))
				wake = c.session.inbox.wake
			}
			if err := s.receive(c, r); err != nil {
				return err
			}
			if err := s.guard.checkSubscriptions(c.session.subscriptions()); err != nil {
				return err
			}
			handled <- struct{}{}
		case <-wake:
		case <-timer.C:
		case err := <-failed:
			return err
		case <-c.stream.Context().Done():
			var why *refusalStatus
			if errors.As(context.Cause(c.stream.Context()), &why) {
				return why // we have ended it
			}
			return <-failed // it is over, and reading says why
		case <-s.closing:
			return grpcstatus.Error(codes.Unavailable, "the control plane is shutting down")
		}
		if c.session == nil {
			continue
		}
		next, err := c.flush()
		if err != nil {
			return err
		}
		timer.Reset(next)
	}
}

// read passes on requests until the stream ends, each when the one before has been handled: a
// thousand Envoys that come back at once say much.
func (c *conn) read(requests chan<- request, handled <-chan struct{}) error {
	for {
		r := c.protocol.newRequest()
		err := c.stream.RecvMsg(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case requests <- r:
		case <-c.stream.Context().Done():
			return c.stream.Context().Err()
		}
		select {
		case <-handled:
		case <-c.stream.Context().Done():
			return c.stream.Context().Err()
		}
	}
}

func (s *Server) receive(c *conn, r request) error {
	t, known := resource.TypeByURL(r.GetTypeUrl())
	switch {
	case c.only != nil && r.GetTypeUrl() == "":
		t = *c.only // the service says it
	case c.only != nil && (!known || t != *c.only):
		return grpcstatus.Errorf(codes.InvalidArgument, "this service is for %s; the request is for %s", c.only.URL(), r.GetTypeUrl())
	case !known:
		return nil // a type that is not served here, such as runtime: no resource will ever come
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.hear(c)
	c.session.store.mu.RLock()
	defer c.session.store.mu.RUnlock()
	c.protocol.receive(c.session, t, r)
	return nil
}

// flush sends everything that there is to say, and returns how long it is until there may be
// more without anything happening.
func (c *conn) flush() (time.Duration, error) {
	for {
		c.mu.Lock()
		r := c.session.next()
		if r == nil {
			defer c.mu.Unlock()
			return c.rest()
		}
		m := c.encode(r)
		c.counts.sent++
		c.counts.resources += uint64(len(r.items))
		c.mu.Unlock()
		c.unread.begin()
		if err := c.stream.SendMsg(m); err != nil { // while the client does not read, it may block
			return 0, err
		}
	}
}

// rest returns how long there is nothing to do, or an error if the client owes an answer for
// too long. The caller holds the lock.
func (c *conn) rest() (time.Duration, error) {
	wake, now := c.session.wake(), c.session.now()
	if since := c.session.unanswered(); !since.IsZero() {
		limit := since.Add(c.patience)
		if !now.Before(limit) {
			return 0, c.tooSlow("has not answered a response")
		}
		if wake.IsZero() || limit.Before(wake) {
			wake = limit
		}
	}
	if wake.IsZero() {
		return time.Hour, nil
	}
	return max(time.Millisecond, wake.Sub(now)), nil
}

func (c *conn) encode(r *response) *encoded {
	c.session.store.mu.RLock()
	defer c.session.store.mu.RUnlock()
	m := c.protocol.encode(c.session, r)
	m.pieces = append(m.pieces, c.identity) // fields of a message may come in any order
	m.unread = c.unread
	return m
}

// tooSlow ends a stream. The client gets the newest state when it returns.
func (c *conn) tooSlow(what string) error {
	return &refusalStatus{ForNoAnswer, codes.DeadlineExceeded, fmt.Sprintf("the client %s for %s (--xds-answer-timeout)", what, c.patience)}
}

// refusalOf gives the message of a NACK, in one line; an ACK has none.
func refusalOf(detail *status.Status) string {
	if detail == nil {
		return ""
	}
	return cmp.Or(strings.Join(strings.Fields(detail.Message), " "), "refused without a message")
}
