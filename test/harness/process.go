package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is something that was started in a world, with its output in a file.
type Process struct {
	env  *Env
	cmd  *exec.Cmd
	name string
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done is closed
}

// Start starts a program in the world. Its output is appended to NAME.log, which is shown when
// the test fails. It is killed when the test ends, if it still runs.
func (e *Env) Start(name, program string, args ...string) *Process {
	e.Helper()
	p := &Process{env: e, name: name, log: filepath.Join(e.Dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		e.Fatalf("%v", err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = e.Dir, log, log
	// A group of its own: Ctrl-C in the terminal is for this program, which then ends it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		e.Fatalf("start %s: %v", name, err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	e.addLogOnce(p.log)
	e.Cleanup(p.Kill)
	return p
}

func (e *Env) addLogOnce(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, known := range e.logs {
		if known == path {
			return
		}
	}
	e.logs = append(e.logs, path)
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running says whether the process still runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill is kill -9; it returns when the process is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) {
	p.env.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.env.Fatalf("signal %s: %v", p.name, err)
	}
}

// Freeze stops the process, without its knowing, until SIGCONT. On a busy machine that takes a
// moment after the signal.
func (p *Process) Freeze() {
	p.env.Helper()
	p.Signal(syscall.SIGSTOP)
	p.env.Await(p.name+" is frozen", startBound, func() error {
		out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(p.PID())).Output()
		if err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "T") {
			err = fmt.Errorf("its state is %s", out)
		}
		return err
	})
}

// Wait waits for the end, and gives how the process ended.
func (p *Process) Wait(bound time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(bound):
		return fmt.Errorf("%s has not ended after %s", p.name, bound)
	}
}

// Log is all that the process, and those of the same name before it, have written.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.env.Errorf("%v", err)
	}
	return string(data)
}

// checkRaces fails the test when the race detector has found something in the process.
func (p *Process) checkRaces() {
	if bytes.Contains([]byte(p.Log()), []byte("WARNING: DATA RACE")) {
		p.env.Errorf("%s: the race detector found something; its log is below", p.name)
	}
}
