package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/envoybin"
)

// envoyProcess is a real Envoy with the bootstrap that gateway-cp makes.
type envoyProcess struct {
	cmd *exec.Cmd
	dir string
}

// startEnvoy starts an Envoy that has a control plane at an address.
func startEnvoy(controlPlane string) (*envoyProcess, error) {
	binary, err := envoybin.Find(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gateway-cp-bench-")
	if err != nil {
		return nil, err
	}
	e := &envoyProcess{dir: dir}
	err = e.start(binary, controlPlane)
	if err != nil {
		_ = os.RemoveAll(dir)
	}
	return e, err
}

func (e *envoyProcess) start(binary, controlPlane string) error {
	b, err := envoy.Bootstrap(envoy.Options{
		NodeID: "bench", Fleet: "default", XDSAddress: controlPlane, AdminAddress: "unix://" + filepath.Join(e.dir, "admin.sock"),
	})
	if err != nil {
		return err
	}
	data, err := envoy.JSON(b)
	if err != nil {
		return err
	}
	path := filepath.Join(e.dir, "envoy.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	e.cmd = exec.Command(binary, "-c", path, "--disable-hot-restart", "--concurrency", "2", "--log-level", "error")
	e.cmd.Stderr = os.Stderr
	return e.cmd.Start()
}

func (e *envoyProcess) pid() int { return e.cmd.Process.Pid }

func (e *envoyProcess) stop() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
	_ = os.RemoveAll(e.dir)
}

// mainCPU is what Envoy's main thread has used. It has the number of the process.
func (e *envoyProcess) mainCPU() time.Duration { return threadCPU(e.pid(), e.pid()) }

// workerCPU is what all its other threads have used.
func (e *envoyProcess) workerCPU() (used time.Duration, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", e.pid()))
	if err != nil {
		return 0, err
	}
	for _, t := range tasks {
		if id, err := strconv.Atoi(t.Name()); err == nil && id != e.pid() {
			used += threadCPU(e.pid(), id)
		}
	}
	return used, nil
}

// threadCPU reads the time that a thread has been on a CPU, in nanoseconds: the first field of
// schedstat (https://docs.kernel.org/scheduler/sched-stats.html). It is 0 for one that is gone.
func threadCPU(pid, thread int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, thread))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), " ")
	ns, _ := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns)
}

// idle is the share of a CPU that the main thread uses while nothing changes: Envoy reports its
// metrics every second.
func (e *envoyProcess) idle() (float64, error) {
	const settle, while = time.Second, 4 * time.Second
	time.Sleep(settle)
	before, began := e.mainCPU(), time.Now()
	time.Sleep(while)
	if before == 0 {
		return 0, errors.New("the kernel does not tell the CPU time of threads (/proc/PID/task/TID/schedstat)")
	}
	return float64(e.mainCPU()-before) / float64(time.Since(began)), nil
}
