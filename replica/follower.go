package replica

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/rollout"
)

// FollowerOptions are what a Follower needs to know.
type FollowerOptions struct {
	Leader  string // address: host:port or unix:///path
	Name    string // of this replica
	Version string // of gateway-cp
	// Position is that of what is stored already.
	Position    Position
	Credentials credentials.TransportCredentials
	// Doubt says what a leader will find wrong with the certificate in Credentials, or nil: one that
	// refuses it only closes the connection. It may be nil.
	Doubt func() error
	Log   *slog.Logger
	// Load gives what Envoys have reported, and Status what the leader shows of them. Both are
	// called from any goroutine.
	Load   func() []Load
	Status func() json.RawMessage
}

// Follower is the side of a follower. It is safe for concurrent use.
type Follower struct {
	o        FollowerOptions
	instance string
	news     chan struct{} // rings when there is something for Take

	mu       sync.Mutex
	position Position // of the newest that came from the leader
	queue    []News
	any      bool // the next leader is taken whatever its position is
	leader   LeaderStatus
	says     says
}

// News is what a leader has decided: all there is, or what has changed.
type News struct {
	Position  Position
	All       bool
	Decisions []rollout.Decision
	Gone      []rollout.Decision // of which only the names are set
}

// LeaderStatus is what a Follower knows of its leader.
type LeaderStatus struct {
	Address       string
	Name, Version string    // as it has said last; empty when it was never reached
	Connected     bool      // it is there, and is followed
	Since         time.Time // when that began, or ended
	Heard         time.Time // when it has last said something
	Position      Position  // of the newest that came from it
	// Refused: the leader is there, and is not followed, since its state is another than what it,
	// or the one before it, has told earlier. Problem says why, or why it cannot be reached.
	Refused bool
	Problem string
}

// NewFollower makes a follower. Run connects it.
func NewFollower(o FollowerOptions) *Follower {
	return &Follower{
		o: o, instance: newID(), news: make(chan struct{}, 1), position: o.Position,
		leader: LeaderStatus{Address: o.Leader, Since: time.Now(), Position: o.Position},
		says:   newSays(),
	}
}

// News rings when there is something for Take.
func (f *Follower) News() <-chan struct{} { return f.news }

// Take gives what has come since the last call, in order.
func (f *Follower) Take() []News {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := f.queue
	f.queue = nil
	return queue
}

// Leader says how the leader is.
func (f *Follower) Leader() LeaderStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader
}

// Accept has the leader followed although its state is refused. It is false when it is not.
func (f *Follower) Accept() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.leader.Refused {
		return false
	}
	f.any = true
	return true
}

// maxReconnect bounds the time between two attempts to reach the leader.
const maxReconnect = time.Second

// Run follows the leader until ctx ends, however often it has to connect again.
func (f *Follower) Run(ctx context.Context) error {
	conn, err := grpc.NewClient(f.o.Leader,
		grpc.WithTransportCredentials(f.o.Credentials),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxReconnect},
			MinConnectTimeout: 3 * time.Second,
		}),
	)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for ctx.Err() == nil {
		f.lost(f.follow(ctx, conn))
		pause := maxReconnect/4 + rand.N(maxReconnect/2)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// follow follows over one stream, and gives the error that it ended with.
func (f *Follower) follow(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := conn.NewStream(ctx, &followStream, followMethod)
	if err != nil {
		return err
	}
	// A leader that says nothing is gone, even if its machine still answers.
	watchdog := time.AfterFunc(helloTimeout, func() { cancel(errSilent) })
	defer watchdog.Stop()
	err = stream.SendMsg(&toLeader{Hello: &hello{
		Protocol: Protocol, Oldest: oldestProtocol, Name: f.o.Name, Instance: f.instance, Version: f.o.Version,
	}})
	if err != nil {
		return f.cause(ctx, stream, err)
	}
	sending := false
	for {
		var m toFollower
		if err := stream.RecvMsg(&m); err != nil {
			return f.cause(ctx, stream, err)
		}
		watchdog.Reset(silence)
		if err := f.hear(m); err != nil {
			return err
		}
		if !sending {
			sending = true
			f.says.again()
			done := make(chan struct{})
			go func() { defer close(done); f.send(ctx, stream) }()
			defer func() { cancel(nil); <-done }()
		}
	}
}

// cause gives why a stream has ended: our own reason, or the leader's, which comes with Recv.
func (f *Follower) cause(ctx context.Context, stream grpc.ClientStream, err error) error {
	if context.Cause(ctx) == errSilent {
		return errSilent
	}
	if errors.Is(err, io.EOF) {
		err = stream.RecvMsg(&toFollower{})
	}
	return err
}

// hear takes in a message of the leader.
func (f *Follower) hear(m toFollower) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader.Heard = time.Now()
	if w := m.Welcome; w != nil {
		if err := f.meet(*w); err != nil {
			return err
		}
	}
	if d := m.Decisions; d != nil {
		f.position, f.leader.Position = d.Position, d.Position
		news := News{Position: d.Position, All: d.All, Decisions: d.Decisions}
		for _, n := range d.Gone {
			news.Gone = append(news.Gone, rollout.Decision{Namespace: n.Namespace, Name: n.Name})
		}
		if d.All {
			f.queue = nil
		}
		f.queue = append(f.queue, news)
		ring(f.news)
	}
	if m.Ask != 0 {
		go func() { f.says.answer(answer{To: m.Ask, Status: f.o.Status()}) }()
	}
	return nil
}

// meet looks at a leader that has said who it is.
func (f *Follower) meet(w welcome) error {
	f.leader.Name, f.leader.Version = w.Name, w.Version
	if err := f.position.Follows(w.Position); err != nil && !f.any {
		return &refusedError{err}
	} else if err != nil {
		f.o.Log.Warn("the leader is followed although its state is another", "leader", f.o.Leader, "because", "it was confirmed", "state", err)
	}
	f.any = false
	now := time.Now()
	f.o.Log.Info("following the leader", "leader", f.o.Leader, "replica", w.Name, "version", w.Version, "position", w.Position.String())
	f.leader.Connected, f.leader.Since, f.leader.Refused, f.leader.Problem = true, now, false, ""
	return nil
}

// lost notes that the leader is not followed (any more).
func (f *Follower) lost(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	problem := problemOf(err)
	if f.o.Doubt != nil && grpcstatus.Code(err) == codes.Unavailable {
		if doubt := f.o.Doubt(); doubt != nil {
			problem = doubt.Error() + " (" + problem + ")"
		}
	}
	_, refused := err.(*refusedError)
	if f.leader.Connected {
		f.leader.Since = time.Now()
	}
	if f.leader.Connected || problem != f.leader.Problem {
		f.o.Log.Warn("the leader is not followed: everything stays as it is", "leader", f.o.Leader, "problem", problem)
	}
	f.leader.Connected, f.leader.Refused, f.leader.Problem = false, refused, problem
}
