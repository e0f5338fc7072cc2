package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// identity names a process for good: a process id alone is used again.
type identity struct {
	pid int
	// start is when the process began, in whatever the system counts in.
	start string
}

// process is a running Envoy: our child, or one adopted.
type process struct {
	identity
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done is closed; nil for an adopted one
}

// end describes how the process ended.
func (p *process) end() string {
	if p.err != nil {
		return p.err.Error()
	}
	return "exit status unknown or 0"
}

// start runs a command in a process group of its own: a Ctrl-C in the terminal is for us,
// and Envoy goes on when we are killed.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{identity: identity{pid: cmd.Process.Pid}, done: make(chan struct{})}
	// Until Wait has been called the process id cannot be used again.
	began, err := startTime(p.pid)
	go func() { p.err = cmd.Wait(); close(p.done) }()
	if err != nil {
		_ = cmd.Process.Kill()
		<-p.done
		return nil, fmt.Errorf("start time of process %d: %w", p.pid, err)
	}
	p.start = began
	return p, nil
}

// adopt watches a process that is not our child; its end shows within pollInterval.
func adopt(id identity) *process {
	p := &process{identity: id, done: make(chan struct{})}
	go func() {
		for id.alive() {
			time.Sleep(pollInterval)
		}
		close(p.done)
	}()
	return p
}

// alive says whether the very process still runs.
func (id identity) alive() bool {
	began, err := startTime(id.pid)
	return err == nil && began == id.start
}

// signal sends a signal, unless the process has ended.
func (id identity) signal(s syscall.Signal) error {
	if !id.alive() {
		return os.ErrProcessDone
	}
	return syscall.Kill(id.pid, s)
}

func (p *process) kill() { _ = p.signal(syscall.SIGKILL) }

// wait waits for the end, or for ctx.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// terminate ends a process, by force when it does not end by itself within the time.
func (p *process) terminate(patience time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	for _, then := range []func(){p.kill, func() {}} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := p.wait(ctx)
		cancel()
		if err == nil {
			return nil
		}
		then()
	}
	return fmt.Errorf("process %d does not end", p.pid)
}
