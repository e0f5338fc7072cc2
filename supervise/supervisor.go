package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gateway-cp/gateway-cp/state"
)

// Config is what a Supervisor needs. Everything without a word about its default is required.
type Config struct {
	Envoy        string // path of the binary
	Bootstrap    []byte // YAML
	Dir          string // absolute; for the bootstrap and the log; one supervisor at a time may use it
	AdminAddress string // Envoy's admin interface, as in the bootstrap: host:port or unix:///path
	LogLevel     string // Envoy's; default warning
	// DrainTime is how long requests on a removed or changed listener may still take
	// (--drain-time-s, whole seconds); 0: DefaultDrainTime.
	DrainTime time.Duration
	// DrainTimeout bounds the drain when Run's context ends; 0 stops Envoy at once.
	DrainTimeout time.Duration
	// Concurrency is the number of worker threads; 0: one per CPU.
	Concurrency int
	Store       *state.Store // remembers the process for the next supervisor
	Log         *slog.Logger
}

// DefaultDrainTime is what load balancers of clouds give connections by default to end.
const DefaultDrainTime = 5 * time.Minute

// The pause before a restart grows from minBackoff to maxBackoff, and is forgotten when
// Envoy has run for stableAfter.
const (
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 10 * time.Second
	stableAfter = time.Minute
)

// maxNeverUp is how often an Envoy may die that never answered; then its command line or
// bootstrap is wrong, and another try does not help.
const maxNeverUp = 3

// ErrNeverUp means that Envoy died again and again without ever having answered.
var ErrNeverUp = errors.New("envoy does not start")

// Supervisor runs one Envoy.
type Supervisor struct {
	config Config
	admin  *adminClient
	tail   *tail

	mu      sync.Mutex
	process *process
	killed  bool

	ready atomic.Bool
}

// New prepares a supervisor; nothing runs before Run.
func New(c Config) *Supervisor {
	if c.LogLevel == "" {
		c.LogLevel = "warning"
	}
	if c.DrainTime == 0 {
		c.DrainTime = DefaultDrainTime
	}
	return &Supervisor{config: c, admin: newAdminClient(c.AdminAddress), tail: newTail(c.Dir, c.Log)}
}

// Run keeps an Envoy running until ctx ends, then drains and stops it. It returns nil after
// that, and an error when Envoy cannot be started at all.
func (s *Supervisor) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	tailing, stopTail := context.WithCancel(context.WithoutCancel(ctx))
	tailed := make(chan struct{})
	go func() { s.tail.run(tailing); close(tailed) }()
	defer func() { stopTail(); <-tailed }()
	pause, neverUp := minBackoff, 0
	for {
		p, err := s.adoptOrStart(ctx)
		if err != nil {
			return err
		}
		began, wasUp := time.Now(), s.watch(ctx, p)
		if ctx.Err() != nil {
			return s.stop(ctx, p)
		}
		if s.forget(p); s.isKilled() {
			return nil
		}
		switch lived := time.Since(began); {
		case wasUp && lived >= stableAfter:
			pause, neverUp = minBackoff, 0
		case wasUp:
			neverUp = 0
		default:
			neverUp++
		}
		if neverUp == maxNeverUp {
			return s.neverUp(neverUp)
		}
		s.config.Log.Error("envoy ended and is started again", "pid", p.pid, "end", p.end(), "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, maxBackoff)
	}
}

// neverUp says how Envoy failed, in its own last words.
func (s *Supervisor) neverUp(times int) error {
	why := s.tail.lastError()
	if why == "" {
		why = "it gives no reason"
	}
	return fmt.Errorf("%w: %s (it ended %d times before it answered on %s; its log is %s)",
		ErrNeverUp, why, times, s.config.AdminAddress, s.tail.path)
}

// Ready says whether Envoy runs and has its first configuration.
func (s *Supervisor) Ready() bool { return s.ready.Load() }

// Kill ends Envoy at once, and keeps it from being started again. It may be called at any
// time, from any goroutine.
func (s *Supervisor) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	if s.process != nil {
		s.process.kill()
	}
}

func (s *Supervisor) isKilled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// watch waits until the process ends or ctx does, and says whether Envoy ever answered.
func (s *Supervisor) watch(ctx context.Context, p *process) (wasUp bool) {
	defer s.ready.Store(false)
	every := time.NewTicker(pollInterval)
	defer every.Stop()
	for {
		select {
		case <-p.done:
			return wasUp
		case <-ctx.Done():
			return wasUp
		case <-every.C:
		}
		info, err := s.admin.serverInfo(ctx)
		ours := err == nil && info.CommandLineOptions.ConfigPath == s.bootstrapPath()
		live := ours && info.State == "LIVE"
		if ours && !wasUp {
			wasUp = true
			s.config.Log.Info("envoy answers", "pid", p.pid, "admin", s.config.AdminAddress, "state", info.State)
		}
		if live != s.ready.Swap(live) && live {
			s.config.Log.Info("envoy is ready", "pid", p.pid)
		}
	}
}

// pollInterval is the time between two looks at Envoy.
const pollInterval = 100 * time.Millisecond
