package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
)

// ControlPlane is a gateway-cp that can be killed and started again.
type ControlPlane struct {
	// Admin asks the running gateway-cp.
	Admin *admin.Client
	// XDS is where Envoys connect, HTTP where /readyz and /metrics are.
	XDS, HTTP string
	// Envoy is the one that run supervises; nil with serve.
	Envoy *EnvoyAdmin
	*Process

	env  *Env
	name string
	args []string
}

// startBound is how long anything may take to come up, on a machine that is busy.
const startBound = 60 * time.Second

// Run starts gateway-cp run over the world's manifests, and waits until Envoy is ready.
func (e *Env) Run(args ...string) *ControlPlane {
	e.Helper()
	c := e.controlPlane("gateway-cp-run")
	envoyAdmin := e.Address(e.FreePort())
	c.Envoy = &EnvoyAdmin{Address: envoyAdmin, env: e}
	c.args = append([]string{
		"run", e.Manifests, "--envoy", e.root.envoy, "--node-id", "gw-1",
		"--envoy-admin-address", envoyAdmin, "--xds-address", c.XDS, "--envoy-concurrency", "2",
		"--envoy-log-level", "warning",
	}, append(c.args, args...)...)
	c.args = append(c.args, e.RunArgs...)
	e.addLogOnce(filepath.Join(c.stateDir(), "envoy.log"))
	c.Start()
	return c
}

// Serve starts gateway-cp serve over the world's manifests, and waits until it answers.
func (e *Env) Serve(args ...string) *ControlPlane {
	e.Helper()
	c := e.controlPlane("gateway-cp-serve")
	c.args = append([]string{"serve", "--dir", e.Manifests, "--xds-address", c.XDS}, append(c.args, args...)...)
	c.args = append(c.args, e.ServeArgs...)
	c.Start()
	return c
}

// ServeKube is Serve over the objects of an API server.
func (e *Env) ServeKube(kubeconfig string, args ...string) *ControlPlane {
	e.Helper()
	c := e.ReplicaKube("serve", kubeconfig, args...)
	c.Start()
	return c
}

// ReplicaKube is ServeKube for one of several, which have names. The Lease is where the shipped roles permit it. Start it.
func (e *Env) ReplicaKube(name, kubeconfig string, args ...string) *ControlPlane {
	e.Helper()
	c := e.controlPlane("gateway-cp-" + name)
	c.args = append([]string{"serve", "--source", "kube", "--kubeconfig", kubeconfig, "--xds-address", c.XDS, "--replica-name", name,
		"--lease-namespace", "gateway-cp"}, append(c.args, args...)...)
	return c
}

// Replica is Serve for one of several of the same world, which have names. Start it.
func (e *Env) Replica(name string, args ...string) *ControlPlane {
	e.Helper()
	c := e.controlPlane("gateway-cp-" + name)
	c.args = append([]string{"serve", "--dir", e.Manifests, "--xds-address", c.XDS, "--replica-name", name}, append(c.args, args...)...)
	c.args = append(c.args, e.ServeArgs...)
	return c
}

func (e *Env) controlPlane(name string) *ControlPlane {
	c := &ControlPlane{env: e, name: name, XDS: e.Address(e.FreePort()), HTTP: e.Address(e.FreePort())}
	socket := filepath.Join(e.Dir, name+".sock")
	c.Admin = admin.NewClient(socket)
	c.args = []string{
		"--state-dir", c.stateDir(), "--admin-socket", socket, "--http-address", c.HTTP, "--log-level", "debug",
	}
	return c
}

func (c *ControlPlane) stateDir() string { return filepath.Join(c.env.Dir, c.name) }

// Start starts it, also again after its end, and waits until it is ready.
func (c *ControlPlane) Start() {
	c.env.Helper()
	c.StartOnly()
	c.AwaitReady()
}

// StartOnly starts it and waits for nothing.
func (c *ControlPlane) StartOnly() {
	c.env.Helper()
	c.Process = c.env.Start(c.name, c.env.root.gatewayCP, c.args...)
	c.env.Cleanup(c.checkRaces)
}

// AwaitReady waits until /readyz says so.
func (c *ControlPlane) AwaitReady() {
	c.env.Helper()
	c.env.Await(c.name+" is ready", startBound, func() error {
		if !c.Running() {
			return fmt.Errorf("it has ended: %v", c.err)
		}
		_, err := get(c.env.Context(), "http://"+c.HTTP+"/readyz")
		return err
	})
}

// Terminate sends SIGTERM and waits for the end, which must come within the time and be clean.
func (c *ControlPlane) Terminate(bound time.Duration) {
	c.env.Helper()
	c.Signal(syscall.SIGTERM)
	if err := c.Wait(bound); err != nil {
		c.env.Fatalf("%s after SIGTERM: %v", c.name, err)
	}
}

// Status asks over the admin socket.
func (c *ControlPlane) Status() (admin.Status, error) {
	ctx, cancel := context.WithTimeout(c.env.Context(), 10*time.Second)
	defer cancel()
	return c.Admin.Status(ctx)
}

// AwaitStatus waits until the status passes a check.
func (c *ControlPlane) AwaitStatus(what string, bound time.Duration, check func(admin.Status) error) {
	c.env.Helper()
	c.env.Await(what, bound, func() error {
		s, err := c.Status()
		if err != nil {
			return err
		}
		return check(s)
	})
}

// InSync is a check: at least n Envoys are connected, and all have everything.
func InSync(n int) func(admin.Status) error {
	return func(s admin.Status) error {
		connected := 0
		for _, e := range s.Envoys {
			if e.Connected {
				connected++
			}
			if e.Connected && !e.InSync {
				return fmt.Errorf("envoy %s has change %d of %d, refuses %v, waits for %v", e.ID, e.Applied, e.Current, e.Refused, e.Waiting)
			}
		}
		if connected < n {
			return fmt.Errorf("%d Envoys are connected, want %d", connected, n)
		}
		return nil
	}
}

// Metrics gives what /metrics shows.
func (c *ControlPlane) Metrics() string {
	c.env.Helper()
	body, err := get(c.env.Context(), "http://"+c.HTTP+"/metrics")
	if err != nil {
		c.env.Fatalf("metrics of %s: %v", c.name, err)
	}
	return body
}

// CLI runs a command of gateway-cp, such as "fleet", against this one. It gives the output of
// both kinds and the exit code.
func (c *ControlPlane) CLI(args ...string) (output string, code int) {
	c.env.Helper()
	return c.env.GatewayCP(append(args, "--admin-socket", filepath.Join(c.env.Dir, c.name+".sock"))...)
}

// GatewayCP runs a command of gateway-cp to its end.
func (e *Env) GatewayCP(args ...string) (output string, code int) {
	e.Helper()
	cmd := exec.CommandContext(e.Context(), e.root.gatewayCP, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.Fatalf("gateway-cp %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// SupervisedEnvoys gives the ids of the Envoys that run has started and that live.
func (c *ControlPlane) SupervisedEnvoys() []int {
	return c.env.Processes(filepath.Join(c.stateDir(), "envoy.yaml"))
}

// Processes gives the ids of processes with a file of the world in their command line.
func (e *Env) Processes(path string) []int {
	if e.Dir == "" || !strings.HasPrefix(path, e.Dir) {
		e.Fatalf("%s is not in this world", path)
	}
	cmd := exec.Command("ps", "-axww", "-o", "pid=", "-o", "stat=", "-o", "args=")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		e.Errorf("ps: %v", err)
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		var pid int
		var stat string
		if !strings.Contains(line, path) {
			continue
		}
		if _, err := fmt.Sscan(line, &pid, &stat); err == nil && !strings.HasPrefix(stat, "Z") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// SentOnReconnect is nil when no connected Envoy was sent anything since it connected: after a
// restart it had it all.
func (c *ControlPlane) SentOnReconnect() error {
	s, err := c.Status()
	if err != nil {
		return err
	}
	for _, e := range s.Envoys {
		if e.Connected && e.Resources > 0 {
			return fmt.Errorf("envoy %s was sent %d resources when it came back, though nothing had changed", e.ID, e.Resources)
		}
	}
	return nil
}

// Apply changes something, and waits until every connected Envoy has what follows from it.
func (c *ControlPlane) Apply(bound time.Duration, change func()) {
	c.env.Helper()
	before, err := c.Status()
	if err != nil {
		c.env.Fatalf("%v", err)
	}
	change()
	c.AwaitStatus("every Envoy has the change", bound, func(now admin.Status) error {
		for _, e := range now.Envoys {
			for _, old := range before.Envoys {
				if e.ID == old.ID && e.Connected && e.Applied <= old.Current {
					return fmt.Errorf("envoy %s still has change %d", e.ID, e.Applied)
				}
			}
		}
		return InSync(1)(now)
	})
}
