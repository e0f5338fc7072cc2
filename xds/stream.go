package xds

import (
	"cmp"
	"context"
	"errors"
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

// sendTimeout is how long a client may leave a response unread before its stream is ended. It
// gets the newest state when it returns.
const sendTimeout = time.Minute

// protocol is a variant of xDS: it puts a session's conversation into messages.
type protocol interface {
	newRequest() request
	// receive takes a request of a known type into the session.
	receive(*session, resource.Type, request)
	// encode puts a response that the session has just made into its wire form.
	encode(*session, *response) *encoded
}

// conn is one ADS stream. Its session is guarded by mu.
type conn struct {
	protocol protocol
	stream   grpc.ServerStream
	since    time.Time
	peer     string // where it comes from

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
func (s *Server) serve(stream grpc.ServerStream, p protocol) error {
	requests := make(chan request)
	failed := make(chan error, 1)
	go func() {
		for {
			r := p.newRequest()
			if err := stream.RecvMsg(r); err != nil {
				failed <- err
				return
			}
			select {
			case requests <- r:
			case <-stream.Context().Done():
				failed <- stream.Context().Err()
				return
			}
		}
	}()
	c := &conn{protocol: p, stream: stream, since: s.now(), peer: peerOf(stream.Context())}
	defer s.leave(c)
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
			s.receive(c, r)
			if err := s.guard.checkSubscriptions(c.session.subscriptions()); err != nil {
				return err
			}
		case <-wake:
		case <-timer.C:
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
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

func (s *Server) receive(c *conn, r request) {
	t, known := resource.TypeByURL(r.GetTypeUrl())
	if !known {
		return // a type that is not served here, such as runtime: no resource will ever come
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.hear(c)
	c.session.store.mu.RLock()
	defer c.session.store.mu.RUnlock()
	c.protocol.receive(c.session, t, r)
}

// flush sends everything that there is to say, and returns how long it is until there may be
// more without anything happening.
func (c *conn) flush() (time.Duration, error) {
	for {
		c.mu.Lock()
		r := c.session.next()
		if r == nil {
			wake, now := c.session.wake(), c.session.now()
			c.mu.Unlock()
			if wake.IsZero() {
				return time.Hour, nil
			}
			return max(time.Millisecond, wake.Sub(now)), nil
		}
		m := c.encode(r)
		c.counts.sent++
		c.counts.resources += uint64(len(r.items))
		c.mu.Unlock()
		if err := c.send(m); err != nil {
			return 0, err
		}
	}
}

func (c *conn) encode(r *response) *encoded {
	c.session.store.mu.RLock()
	defer c.session.store.mu.RUnlock()
	return c.protocol.encode(c.session, r)
}

func (c *conn) send(m *encoded) error {
	done := make(chan error, 1)
	go func() { done <- c.stream.SendMsg(m) }()
	timeout := time.NewTimer(sendTimeout)
	defer timeout.Stop()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		return grpcstatus.Error(codes.DeadlineExceeded, "the client does not read its responses")
	}
}

// refusalOf gives the message of a NACK, in one line; an ACK has none.
func refusalOf(detail *status.Status) string {
	if detail == nil {
		return ""
	}
	return cmp.Or(strings.Join(strings.Fields(detail.Message), " "), "refused without a message")
}
