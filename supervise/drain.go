package supervise

import (
	"context"
	"time"
)

const (
	// quietFor is how long nothing may begin before idle connections are given up.
	quietFor = time.Second
	// stopPatience is how long Envoy may take to end once it is told to.
	stopPatience = 5 * time.Second
)

// stop drains the process at the end of ctx.
func (s *Supervisor) stop(ctx context.Context, p *process) error {
	err := s.drainAndStop(context.WithoutCancel(ctx), p, s.config.AdminAddress)
	s.forget(p)
	return err
}

// drainAndStop lets clients finish, within the bound, and ends the process.
func (s *Supervisor) drainAndStop(ctx context.Context, p *process, adminAddress string) error {
	if s.config.DrainTimeout > 0 && adminAddress != "" {
		ctx, cancel := context.WithTimeout(ctx, s.config.DrainTimeout)
		defer cancel()
		s.drain(ctx, p, newAdminClient(adminAddress))
	}
	return p.terminate(stopPatience)
}

// drain follows "Draining" of Envoy's documentation
// (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/operations/draining).
// First Envoy fails its health checks and asks clients to go, but takes whom comes: a load
// balancer needs time to notice. In the last fifth of the time, listeners are closed.
func (s *Supervisor) drain(ctx context.Context, p *process, admin *adminClient) {
	began := time.Now()
	s.config.Log.Info("draining Envoy", "pid", p.pid, "bound", s.config.DrainTimeout)
	for _, path := range []string{"/healthcheck/fail", "/drain_listeners?graceful&skip_exit"} {
		if err := admin.post(ctx, path); err != nil {
			s.config.Log.Warn("envoy cannot be drained", "error", err)
			return
		}
	}
	gentle, cancel := context.WithTimeout(ctx, s.config.DrainTimeout*4/5)
	done := awaitQuiet(gentle, p, admin)
	cancel()
	if !done {
		if err := admin.post(ctx, "/drain_listeners"); err != nil {
			s.config.Log.Warn("envoy's listeners cannot be closed", "error", err)
		}
		done = awaitQuiet(ctx, p, admin)
	}
	took := time.Since(began).Round(time.Millisecond)
	if done {
		s.config.Log.Info("envoy is drained", "pid", p.pid, "took", took)
	} else {
		s.config.Log.Warn("clients have not finished in time", "pid", p.pid, "took", took)
	}
}

// awaitQuiet waits until nobody is connected any more, or nothing is in flight and nothing
// has begun for a while; then only idle HTTP connections are left.
func awaitQuiet(ctx context.Context, p *process, admin *adminClient) bool {
	var last traffic
	quietSince := time.Now()
	every := time.NewTicker(pollInterval)
	defer every.Stop()
	for {
		now, err := admin.traffic(ctx)
		switch {
		case err != nil:
		case now.connections == 0 && now.http == 0 && now.requests == 0 && now.begun == last.begun:
			return true
		case now.requests > 0 || now.connections > now.http || now.begun != last.begun:
			quietSince = time.Now()
		case time.Since(quietSince) >= quietFor:
			return true
		}
		if err == nil {
			last = now
		}
		select {
		case <-p.done:
			return true
		case <-ctx.Done():
			return false
		case <-every.C:
		}
	}
}
