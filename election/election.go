package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/gateway-cp/gateway-cp/rollout"
)

// Options are what an Election needs to know.
type Options struct {
	Config *rest.Config
	// Namespace and Name are those of the Lease.
	Namespace, Name string
	// Self is this process.
	Self Holder
	// Namespaces are those whose Rollouts are decided on; none: all.
	Namespaces []string
	// Duration is how long nobody else takes a Lease that is not renewed, Deadline how long its holder goes on
	// without having renewed it, Retry how often is tried.
	Duration, Deadline, Retry time.Duration
	Log                       *slog.Logger
}

// Turn is news about who leads. One of its fields is set.
type Turn struct {
	// Seed are the decisions that are stored, at the start.
	Seed *Seed
	// Lead: this process leads from now on.
	Lead *Term
	// Ended: it does not any more.
	Ended bool
	// Leader is who leads now; one without a name: nobody.
	Leader *Holder
}

// Seed are decisions that are stored.
type Seed struct{ Decisions []rollout.Decision }

// Term is the time in which this process leads.
type Term struct {
	Epoch  int64
	States *Store // keeps the states of Rollouts until the term has ended
}

// Election is one for this process.
type Election struct {
	o    Options
	lock *lock
	rest dynamic.Interface

	mu   sync.Mutex // held while turn is called
	turn func(Turn)
}

// New makes an election. Run has this process take part in it.
func New(o Options) (*Election, error) {
	config := rest.CopyConfig(o.Config)
	config.QPS, config.Burst = -1, 0
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	// A request that hangs must not use up the time in which another may succeed.
	config = rest.CopyConfig(config)
	config.Timeout = max(time.Second, o.Deadline/2)
	leases, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Election{o: o, rest: client, lock: &lock{deadline: o.Deadline, bell: make(chan struct{}, 1), Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
		Client:     leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: o.Self.String()},
	}}}, nil
}

// Run takes part until ctx ends, and calls turn with what comes of it, one after the other. When it returns, the
// Lease is free for others at once.
func (e *Election) Run(ctx context.Context, turn func(Turn)) error {
	e.turn = turn
	e.seed(ctx)
	var g errgroup.Group
	ctx, stop := context.WithCancel(ctx)
	g.Go(func() error {
		for {
			select {
			case <-e.lock.bell:
				if leader, news := e.lock.news(e.o.Self); news {
					e.say(Turn{Leader: &leader})
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
	g.Go(func() error {
		defer stop()
		for ctx.Err() == nil {
			if err := e.campaign(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

func (e *Election) say(t Turn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.turn(t)
}

// Holds is nil while this process leads and nobody else can.
func (e *Election) Holds() error { return e.lock.holds() }

// seed gives what is stored, once it can be read.
func (e *Election) seed(ctx context.Context) {
	for failed := false; ctx.Err() == nil; failed = true {
		loaded, err := load(ctx, e.rest, e.o.Namespaces)
		if err == nil {
			e.say(Turn{Seed: &Seed{loaded.decisions()}})
			return
		}
		if !failed {
			e.o.Log.Warn("where rollouts stand cannot be read yet", "error", err)
		}
		select {
		case <-time.After(e.o.Retry):
		case <-ctx.Done():
		}
	}
}

// campaign waits for the Lease, leads for as long as it can, and gives the Lease back.
func (e *Election) campaign(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	e.lock.begin(stop)
	began := make(chan struct{}) // leading has begun, or never will
	leads := false
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: e.lock, LeaseDuration: e.o.Duration, RenewDeadline: e.o.Deadline, RetryPeriod: e.o.Retry,
		ReleaseOnCancel: true, Name: e.o.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				defer close(began)
				leads = e.lead(leading, stop)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	quiet := logr.NewContext(ctx, logr.Discard())
	elector.Run(quiet)
	if e.lock.forget() {
		<-began
	}
	if leads {
		why := context.Cause(ctx)
		if why == nil {
			why = errNotRenewed
		}
		e.o.Log.Warn("this replica does not lead any more", "because", why)
		e.say(Turn{Ended: true})
	}
	return nil
}

// lead begins a term, unless it cannot.
func (e *Election) lead(ctx context.Context, stop context.CancelCauseFunc) bool {
	epoch := e.lock.current()
	loaded, err := load(ctx, e.rest, e.o.Namespaces)
	if err != nil {
		if ctx.Err() == nil {
			e.o.Log.Warn("this replica has the Lease and cannot read where rollouts stand: it lets another lead", "error", err)
			stop(fmt.Errorf("read where rollouts stand: %w", err))
		}
		return false
	}
	if highest := loaded.epoch(); highest > epoch {
		e.o.Log.Warn("the Lease has begun anew: epochs go on after those that Rollouts have seen", "epoch", epoch, "seen", highest)
		e.lock.after(highest)
		stop(errors.New("the Lease has begun anew"))
		return false
	}
	states := newStore(storeOptions{
		client: e.rest, epoch: epoch, holder: e.o.Self.Name, holds: e.lock.holds, log: e.o.Log,
		lost: func(why error) { stop(why) },
	}, loaded)
	go states.run(ctx)
	e.o.Log.Info("this replica leads", "epoch", epoch, "rollouts", len(loaded))
	e.say(Turn{Lead: &Term{Epoch: epoch, States: states}})
	return true
}
