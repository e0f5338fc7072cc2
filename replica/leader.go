package replica

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/state"
)

// LeaderOptions are what a Leader needs to know.
type LeaderOptions struct {
	Name    string // of this replica
	Version string // of gateway-cp
	// MaxFollowers is how many may follow at once; 0: DefaultMaxFollowers.
	MaxFollowers int
	// Identity is what the certificate of a follower must be of; nil: whoever the credentials let in.
	Identity *Identity
	// State keeps the position; where it is nil nobody does, and Position is where it begins.
	State    *state.Store
	Position Position
	Log      *slog.Logger
}

// DefaultMaxFollowers is how many followers a leader takes if nothing is said.
const DefaultMaxFollowers = 16

// Leader serves followers. It is safe for concurrent use, but Publish is for one goroutine.
type Leader struct {
	o       LeaderOptions
	closing chan struct{}

	mu        sync.Mutex
	position  Position
	decisions map[name]rollout.Decision
	followers map[string]*follower // by name
	gone      map[string]Status    // by name: those that were here lately
	lost      map[string]lostNode  // by id: Envoys whose follower was lost
	loads     loads
	questions questions
	observed  observed
	received  uint64 // reports on clusters

	strangers rate.Sometimes // bounds what is logged of clients that are no replicas: they try again every second
}

// NewLeader makes a leader. Its position is on disk when it returns.
func NewLeader(o LeaderOptions) (*Leader, error) {
	position := o.Position
	if o.State != nil {
		var err error
		if position, err = lead(o.State); err != nil {
			return nil, err
		}
	}
	o.MaxFollowers = cmp.Or(o.MaxFollowers, DefaultMaxFollowers)
	return &Leader{
		o: o, closing: make(chan struct{}), position: position,
		decisions: map[name]rollout.Decision{},
		followers: map[string]*follower{}, gone: map[string]Status{}, lost: map[string]lostNode{},
		loads: newLoads(), questions: questions{waiting: map[uint64]chan answer{}}, observed: newObserved(),
		strangers: rate.Sometimes{First: 16, Interval: 10 * time.Second},
	}, nil
}

// maxMessage bounds a message: the reports on 10,000 clusters are some megabytes.
const maxMessage = 64 << 20

// Serve serves followers until ctx ends. It is to begin once everything has been decided that
// there is to decide at the start: a follower takes what it gets for all there is.
func (l *Leader) Serve(ctx context.Context, listener net.Listener, creds credentials.TransportCredentials) error {
	server := grpc.NewServer(
		grpc.Creds(creds),
		grpc.ForceServerCodec(codec{}),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(64<<10),
		grpc.MaxConcurrentStreams(4),
		grpc.ConnectionTimeout(helloTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 5 * time.Second, Timeout: 3 * time.Second, MaxConnectionIdle: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	server.RegisterService(service(func(_ any, stream grpc.ServerStream) error { return l.follow(stream) }), l)
	stop := context.AfterFunc(ctx, func() {
		close(l.closing)
		server.Stop()
	})
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve replicas: %w", err)
	}
	return nil
}

// follow serves one follower.
func (l *Leader) follow(stream grpc.ServerStream) error {
	if l.o.Identity != nil {
		if err := l.o.Identity.checkFollower(stream.Context()); err != nil {
			l.strangers.Do(func() {
				l.o.Log.Warn("a client at the replicas' address was refused", "from", peerOf(stream.Context()), "error", err)
			})
			return grpcstatus.Error(codes.PermissionDenied, err.Error())
		}
	}
	h, err := readHello(stream)
	if err != nil {
		return err
	}
	protocol, err := agree(h)
	if err != nil {
		l.o.Log.Warn("a replica was refused", "replica", h.Name, "from", peerOf(stream.Context()), "error", err)
		return grpcstatus.Error(codes.FailedPrecondition, err.Error())
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	f := newFollower(h, peerOf(ctx), cancel)
	if err := l.join(f); err != nil {
		l.o.Log.Warn("a replica was refused", "replica", h.Name, "from", f.address, "error", err)
		return grpcstatus.Error(codes.AlreadyExists, err.Error())
	}
	defer l.leave(f)
	go l.receive(f, stream)
	return l.send(ctx, f, stream, protocol)
}

// readHello waits for the first message, though not without end.
func readHello(stream grpc.ServerStream) (hello, error) {
	type first struct {
		m   toLeader
		err error
	}
	received := make(chan first, 1)
	go func() { // ends with the stream at the latest
		var f first
		f.err = stream.RecvMsg(&f.m)
		received <- f
	}()
	select {
	case f := <-received:
		switch {
		case f.err != nil:
			return hello{}, f.err
		case f.m.Hello == nil || f.m.Hello.Name == "":
			return hello{}, grpcstatus.Error(codes.InvalidArgument, "the first message of a follower must say who it is")
		}
		return *f.m.Hello, nil
	case <-time.After(helloTimeout):
		return hello{}, grpcstatus.Error(codes.DeadlineExceeded, "the follower did not say who it is")
	}
}

// join makes a follower known. Names are of one process each, so that its Envoys are not taken for
// those of another; a process that comes again takes the place of its old stream.
func (l *Leader) join(f *follower) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.followers[f.Name]
	switch {
	case f.Name == l.o.Name:
		return fmt.Errorf("the leader itself is called %s: give the follower another --replica-name", f.Name)
	case before != nil && before.instance != f.instance:
		return fmt.Errorf("a replica %s follows already, from %s: give each its own --replica-name", f.Name, before.address)
	case before == nil && len(l.followers) >= l.o.MaxFollowers:
		return fmt.Errorf("%d replicas follow already, as many as may", len(l.followers))
	case before != nil:
		before.cancel()
		l.lose(before, time.Now()) // until it has said on the new stream who is there
	}
	l.followers[f.Name] = f
	delete(l.gone, f.Name)
	f.behind.add(l.position, time.Now())
	l.o.Log.Info("a replica follows", "replica", f.Name, "from", f.address, "version", f.version)
	return nil
}

// leave forgets a follower, but not at once its Envoys: they may still be there, with what they had.
func (l *Leader) leave(f *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.followers[f.Name] != f {
		return
	}
	delete(l.followers, f.Name)
	now := time.Now()
	status := f.status(now)
	status.Connected, status.Since = false, now
	l.gone[f.Name] = status
	maps.DeleteFunc(l.gone, func(_ string, s Status) bool { return now.Sub(s.Since) > forgetTime })
	l.lose(f, now)
	l.observed.all()
	l.o.Log.Warn("a replica follows no longer", "replica", f.Name, "from", f.address, "envoys", len(f.nodes))
}

// receive takes in what a follower says, until its stream ends.
func (l *Leader) receive(f *follower, stream grpc.ServerStream) {
	defer f.cancel()
	for {
		var m toLeader
		if err := stream.RecvMsg(&m); err != nil {
			return
		}
		l.hear(f, m)
	}
}

// send tells a follower what has been decided.
func (l *Leader) send(ctx context.Context, f *follower, stream grpc.ServerStream, protocol int) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	first := &welcome{Protocol: protocol, Name: l.o.Name, Version: l.o.Version}
	for {
		m := l.next(f)
		if first != nil {
			first.Position = m.Decisions.Position
			m.Welcome, first = first, nil
		}
		if err := stream.SendMsg(&m); err != nil {
			return err
		}
		select {
		case <-f.bell:
		case <-ticker.C:
		case <-l.closing:
			return grpcstatus.Error(codes.Unavailable, "the leader ends")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is what there is to tell a follower now.
func (l *Leader) next(f *follower) toFollower {
	l.mu.Lock()
	defer l.mu.Unlock()
	var m toFollower
	if len(f.asked) > 0 {
		m.Ask, f.asked = f.asked[0], f.asked[1:]
		if len(f.asked) > 0 {
			ring(f.bell)
		}
	}
	if !f.all && len(f.dirty) == 0 {
		return m
	}
	d := &decisions{Position: l.position, All: f.all}
	if f.all {
		for n := range l.decisions {
			f.dirty[n] = struct{}{}
		}
	}
	for _, n := range slices.SortedFunc(maps.Keys(f.dirty), name.compare) {
		if decision, there := l.decisions[n]; there {
			d.Decisions = append(d.Decisions, decision)
		} else if !f.all {
			d.Gone = append(d.Gone, n)
		}
	}
	f.all = false
	clear(f.dirty)
	m.Decisions = d
	return m
}

func (n name) compare(o name) int {
	return cmp.Or(cmp.Compare(n.Namespace, o.Namespace), cmp.Compare(n.Name, o.Name))
}

// Publish has the followers told of decisions that have changed, and of Rollouts that are gone.
// The new position is on disk before that; when that fails, nobody is told.
func (l *Leader) Publish(changed []rollout.Decision, gone []api.Key) error {
	if len(changed)+len(gone) == 0 {
		return nil
	}
	position, err := advance(l.o.State, l.Position())
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.position = position
	var names []name
	for _, d := range changed {
		n := name{d.Namespace, d.Name}
		l.decisions[n] = d
		names = append(names, n)
	}
	for _, k := range gone {
		n := name{k.Namespace, k.Name}
		delete(l.decisions, n)
		names = append(names, n)
	}
	now := time.Now()
	for _, f := range l.followers {
		for _, n := range names {
			f.dirty[n] = struct{}{}
		}
		f.behind.add(position, now)
		ring(f.bell)
	}
	return nil
}

// Position is that of the newest decision.
func (l *Leader) Position() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position
}

func peerOf(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil && p.Addr.String() != "" {
		return p.Addr.String()
	}
	return "a Unix socket"
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
