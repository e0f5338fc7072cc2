package supervise

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/state"
)

// record is what the next supervisor must know.
type record struct {
	PID          int    `json:"pid"`
	Start        string `json:"start"`
	AdminAddress string `json:"adminAddress"`
	// Config is the hash of the binary's path, the arguments and the bootstrap.
	Config string `json:"config"`
}

const recordKey = "envoy"

func (s *Supervisor) bootstrapPath() string { return filepath.Join(s.config.Dir, "envoy.yaml") }

// arguments are Envoy's. Hot restart is off: it would share memory with every other Envoy
// of the machine that has the same base id.
func (s *Supervisor) arguments() []string {
	args := []string{
		"-c", s.bootstrapPath(),
		"--disable-hot-restart",
		"--log-level", s.config.LogLevel,
		"--log-format", logFormat, "--log-format-escaped",
		"--drain-time-s", strconv.Itoa(int(s.config.DrainTime / time.Second)),
		"--drain-strategy", "immediate",
	}
	if s.config.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(s.config.Concurrency))
	}
	return args
}

// hash changes with everything that a running Envoy cannot be told.
func (s *Supervisor) hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q ", s.config.Envoy, s.arguments())
	h.Write(s.config.Bootstrap)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// prepare makes the directory.
func (s *Supervisor) prepare() error { return os.MkdirAll(s.config.Dir, 0o700) }

// adoptOrStart takes over the Envoy that a killed supervisor left, else starts one.
func (s *Supervisor) adoptOrStart(ctx context.Context) (*process, error) {
	var last record
	if _, err := s.config.Store.Get(state.Runtime, recordKey, &last); err != nil {
		s.config.Log.Warn("the record of the last Envoy cannot be read", "error", err)
	}
	for _, id := range s.survivors(last) {
		p := adopt(id)
		if same := last.PID == id.pid && last.Start == id.start && last.Config == s.hash(); same {
			s.config.Log.Info("adopted the Envoy that is running already", "pid", id.pid)
			s.hold(p)
			return p, nil
		}
		// Its bootstrap is not the one that is wanted now, or it is unknown which it has.
		s.config.Log.Warn("an Envoy from before runs with another configuration: it is drained and replaced", "pid", id.pid)
		if err := s.drainAndStop(ctx, p, last.AdminAddress); err != nil {
			return nil, err
		}
	}
	return s.launch()
}

// survivors finds the processes that were started with our bootstrap file: the recorded
// one, and one that was started just before its supervisor was killed.
func (s *Supervisor) survivors(last record) []identity {
	var found []identity
	recorded := identity{last.PID, last.Start}
	if last.PID > 0 && recorded.alive() {
		if args, err := commandLine(last.PID); err == nil && hasArgument(args, s.bootstrapPath()) {
			found = append(found, recorded)
		}
	}
	for _, id := range findByArgument(s.bootstrapPath()) {
		if !slices.Contains(found, id) && id.pid != os.Getpid() {
			found = append(found, id)
		}
	}
	return found
}

// hasArgument compares loosely where the system gives arguments in pieces.
func hasArgument(args []string, argument string) bool {
	return slices.Contains(args, argument) || strings.Contains(strings.Join(args, " "), argument)
}

// launch starts a new Envoy and writes down which.
func (s *Supervisor) launch() (*process, error) {
	if err := s.writeBootstrap(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(s.tail.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(s.config.Envoy, s.arguments()...)
	// A file, not a pipe: it neither blocks Envoy nor breaks when we are gone.
	cmd.Stdout, cmd.Stderr = log, log
	p, err := start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start Envoy: %w", err)
	}
	s.config.Log.Info("started Envoy", "pid", p.pid, "binary", s.config.Envoy, "admin", s.config.AdminAddress)
	err = s.config.Store.Put(state.Runtime, recordKey, record{
		PID: p.pid, Start: p.start, AdminAddress: s.config.AdminAddress, Config: s.hash(),
	})
	if err != nil {
		p.kill()
		<-p.done
		return nil, fmt.Errorf("write down the Envoy that was started: %w", err)
	}
	s.hold(p)
	return p, nil
}

// writeBootstrap replaces the file in one step.
func (s *Supervisor) writeBootstrap() error {
	temporary := s.bootstrapPath() + ".new"
	if err := os.WriteFile(temporary, s.config.Bootstrap, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, s.bootstrapPath())
}

// hold makes a process the one that Kill ends.
func (s *Supervisor) hold(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	if s.killed {
		p.kill()
	}
}

// forget is called when a process has ended.
func (s *Supervisor) forget(p *process) {
	s.mu.Lock()
	if s.process == p {
		s.process = nil
	}
	s.mu.Unlock()
	if err := s.config.Store.Delete(state.Runtime, recordKey); err != nil {
		s.config.Log.Warn("the record of an Envoy that ended cannot be removed", "error", err)
	}
}
