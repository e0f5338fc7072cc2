package xds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// guarded is a stream of a client that is kept to the limits.
type guarded struct {
	grpc.ServerStream
	guard     *guard
	ctx       context.Context
	cancel    context.CancelCauseFunc
	address   net.Addr
	certified certified

	node Node // since the first message
	said bool // it has sent one

	// answers is how many responses it has been sent and may answer out of turn.
	answers atomic.Int64
	rate    *rate.Limiter // nil: no limit
	slowed  time.Time     // since when it is over its rate without a pause
}

func newGuarded(g *guard, stream grpc.ServerStream, cancel context.CancelCauseFunc) *guarded {
	s := &guarded{
		ServerStream: stream, guard: g, cancel: cancel,
		address: addressOf(stream.Context()), certified: g.identity.certifiedOf(stream.Context()),
	}
	if g.limits.RequestRate > 0 {
		s.rate = rate.NewLimiter(rate.Limit(g.limits.RequestRate), g.limits.RequestBurst)
	}
	return s
}

// Context ends with the stream; its cause is a status if we have ended it.
func (s *guarded) Context() context.Context { return s.ctx }

// clientKey tells clients apart: a certificate for one node stands for one client, however
// often it connects; else a connection does, whose address gRPC gives for every stream of it.
func (s *guarded) clientKey() any {
	if id, ok := s.certified.only(); ok {
		return id
	}
	return s.address
}

// SendMsg sends a response, unless we have ended the stream: not even a response that was
// made just now may go out then.
func (s *guarded) SendMsg(m any) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	s.answers.Add(1)
	return s.ServerStream.SendMsg(m)
}

// RecvMsg receives a message from a client that may send it. One that may not is refused: the
// whole stream ends, whatever the handler makes of the error.
func (s *guarded) RecvMsg(m any) error {
	err := s.receive(m)
	if err == nil {
		err = s.check(m)
	}
	if err == nil {
		err = s.keepRate()
	}
	var why *refusalStatus
	if errors.As(err, &why) {
		s.cancel(why)
	}
	return err
}

// receive waits for a message; for the first one not without end.
func (s *guarded) receive(m any) error {
	if s.said {
		return s.tooLarge(s.ServerStream.RecvMsg(m))
	}
	received := make(chan error, 1)
	go func() { received <- s.ServerStream.RecvMsg(m) }() // ends with the stream at the latest
	timeout := time.NewTimer(s.guard.limits.FirstRequestTimeout)
	defer timeout.Stop()
	select {
	case err := <-received:
		return s.tooLarge(err)
	case <-timeout.C:
		return &refusalStatus{ForNoRequest, codes.DeadlineExceeded,
			fmt.Sprintf("no message came within %s of the stream's begin (--xds-first-request-timeout)", s.guard.limits.FirstRequestTimeout)}
	}
}

// tooLarge tells gRPC's own refusal of a large message from other errors.
func (s *guarded) tooLarge(err error) error {
	if err == nil || grpcstatus.Code(err) != codes.ResourceExhausted {
		return err
	}
	return &refusalStatus{ForRequestBytes, codes.ResourceExhausted, fmt.Sprintf(
		"a message is larger than %d bytes (--xds-max-request-bytes): %s", s.guard.limits.RequestBytes, grpcstatus.Convert(err).Message())}
}

// check looks at who a message is from, and at how many names it asks for.
func (s *guarded) check(m any) error {
	n := nodeIn(m)
	if !s.said {
		s.said = true
		s.node = nodeOf(n)
		if err := checkNode(n); err != nil {
			return err
		}
		if err := s.guard.admit(s, s.node); err != nil {
			return err
		}
		s.guard.refused.in(s.node.ID, s.certified.names)
	} else if n != nil && (n.Id != s.node.ID || n.Cluster != s.node.Fleet) {
		return &refusalStatus{ForInvalidIdentity, codes.InvalidArgument, fmt.Sprintf(
			"the stream began as node %q of fleet %q, and cannot go on as node %q of fleet %q", s.node.ID, s.node.Fleet, n.Id, n.Cluster)}
	}
	names := 0
	switch m := m.(type) {
	case interface{ GetResourceNamesSubscribe() []string }:
		names = len(m.GetResourceNamesSubscribe())
	case interface{ GetResourceNames() []string }:
		names = len(m.GetResourceNames())
	}
	return s.guard.checkSubscriptions(names)
}

// keepRate has a message wait its turn, unless it answers a response: those are our doing.
func (s *guarded) keepRate() error {
	if s.rate == nil {
		return nil
	}
	if s.answers.Add(-1) >= 0 {
		return nil
	}
	s.answers.Add(1)
	if s.rate.Allow() {
		s.slowed = time.Time{}
		return nil
	}
	now := s.guard.refused.now()
	if s.slowed.IsZero() {
		s.slowed = now
	}
	if now.Sub(s.slowed) > PatienceWithRate {
		return &refusalStatus{ForRequestRate, codes.ResourceExhausted, fmt.Sprintf(
			"the client has sent more than %d messages a second for %s (--xds-request-rate)", s.guard.limits.RequestRate, PatienceWithRate)}
	}
	s.guard.mu.Lock()
	s.guard.slowed++
	s.guard.mu.Unlock()
	if err := s.rate.Wait(s.ctx); err != nil {
		return context.Cause(s.ctx)
	}
	return nil
}

// end gives what the client is told at the end of its stream, and notes a refusal.
func (s *guarded) end(err error) error {
	var why *refusalStatus
	if !errors.As(context.Cause(s.ctx), &why) && !errors.As(err, &why) {
		return err
	}
	s.guard.refused.note(RefusedClient{
		ID: s.node.ID, Fleet: s.node.Fleet, Address: hostOf(s.address), Names: s.certified.names,
		For: why.why, Message: why.message,
	})
	return why
}
