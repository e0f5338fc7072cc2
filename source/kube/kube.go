package kube

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
)

// Options say what to read and how. The zero value of everything but Config is a good choice.
type Options struct {
	// Config says where the API server is, and who we are: see Config.
	Config *rest.Config
	// Namespaces are those to read. None: all. What has no namespace is always read.
	Namespaces []string
	Log        *slog.Logger
	// Keep gives what is kept of an admitted object: itself, or one that is smaller and says as
	// much to whoever gets it. It is called by several goroutines. nil keeps all.
	Keep func(api.Value) api.Value
}

// Source reads and watches an API server. It implements source.Source.
type Source struct {
	o           Options
	log         *slog.Logger
	clients     *clients
	collections []*collection
	delays      delays
	wake        chan struct{}
	hold        atomic.Pointer[source.Hold]

	mu        sync.Mutex // for what follows, and for the collections
	pending   []*entry
	troubled  map[*entry]struct{}      // have problems: the cost of a batch must not grow with the number of objects
	missing   map[*entry]struct{}      // see hold.go
	failing   map[*collection]struct{} // cannot be read at the moment
	judgeAt   time.Time                // when to decide on those missing
	confirmed bool
	first     bool          // the first batch is made
	said      []api.Problem // in the latest batch
}

// delays are what is waited for.
type delays struct {
	// lookAgain is how often a kind that the server does not know is looked for.
	lookAgain time.Duration
	// failure is how long a kind must not be readable before it is said: servers restart.
	failure time.Duration
	// judge is how long the other kinds have to be read anew, too, before what is missing goes.
	judge time.Duration
	// tick is how often is looked at what time alone changes.
	tick time.Duration
}

var _ source.Source = (*Source)(nil)

// New makes a source; Run starts it. It fails when the configuration is not complete, such as for
// want of a certificate; whether there is a server is found out later.
func New(o Options) (*Source, error) {
	c, err := newClients(o.Config)
	if err != nil {
		return nil, err
	}
	s := &Source{
		o: o, log: o.Log, clients: c, wake: make(chan struct{}, 1),
		delays:   delays{lookAgain: 5 * time.Second, failure: 5 * time.Second, judge: 2 * time.Second, tick: 500 * time.Millisecond},
		troubled: map[*entry]struct{}{}, missing: map[*entry]struct{}{}, failing: map[*collection]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, r := range readings() {
		namespaces := o.Namespaces
		if len(namespaces) == 0 || api.ClusterScoped(r.Kind) {
			namespaces = []string{""}
		}
		for _, namespace := range namespaces {
			s.collections = append(s.collections, &collection{reading: r, namespace: namespace, source: s, entries: map[api.Key]*entry{}})
		}
	}
	return s, nil
}

// Run implements source.Source. It never gives up on a server that cannot be reached.
func (s *Source) Run(ctx context.Context, out chan<- source.Batch) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range s.collections {
		g.Go(func() error {
			if err := c.run(ctx); err != nil {
				return fmt.Errorf("read %s: %w", c.Resource, err)
			}
			return nil
		})
	}
	g.Go(func() error {
		for s.wait(ctx) {
			b, ok := s.batch()
			if !ok {
				continue
			}
			select {
			case out <- b:
				s.log.Debug("batch", "set", len(b.Set), "delete", len(b.Delete), "problems", len(b.Problems))
			case <-ctx.Done():
			}
		}
		return nil
	})
	return g.Wait()
}

// signal has Run look for something to send.
func (s *Source) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wait waits until there may be something to send. It is false when ctx has ended.
func (s *Source) wait(ctx context.Context) bool {
	var again <-chan time.Time
	if s.restless() {
		again = time.After(s.delays.tick)
	}
	select {
	case <-s.wake:
	case <-again:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// restless says whether the time has something to say: when something cannot be read, or is missing.
func (s *Source) restless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failing) > 0 || len(s.missing) > 0
}
