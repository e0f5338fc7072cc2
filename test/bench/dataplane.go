package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/envoybin"
)

// What requests cost in an Envoy that gateway-cp configures, against one with a minimal configuration written by hand,
// in front of the same backend (an Envoy that answers by itself), under load from wrk. Each way in is measured in
// pairs, one right after the other, now the one first and now the other; the ratios are of pairs.
const (
	dataplanePairs   = 15
	dataplaneFor     = 2 * time.Second
	dataplaneClients = 32
)

// way is a way in, to both.
type way struct {
	name          string
	ours, minimal string // ip:port
}

// sample is what came of a round of load.
type sample struct {
	rate float64       // requests a second
	p99  time.Duration // of their latency
	cpu  time.Duration // of Envoy's, for each request
}

func dataplaneTable() error {
	wrk, err := findWrk()
	if err != nil {
		return err
	}
	b, err := newDataplane()
	if err != nil {
		return err
	}
	defer b.close()
	w := table()
	fmt.Fprintln(w, "way in\trequests/s\tby hand\tratio\tp99\tby hand\tratio\tCPU a request\tby hand\tratio\t")
	for _, way := range b.ways {
		if err := b.await(way); err != nil {
			return err
		}
		pairs, err := b.pairs(wrk, way)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		of := func(value func(ours, minimal sample) float64) float64 {
			var all []float64
			for _, p := range pairs {
				all = append(all, value(p[0], p[1]))
			}
			slices.Sort(all)
			return all[len(all)/2]
		}
		p99 := func(s sample) float64 { return float64(s.p99) }
		cpu := func(s sample) float64 { return float64(s.cpu) }
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2f\t%s\t%s\t%.2f\t%.1f µs\t%.1f µs\t%.2f\t\n", way.name,
			of(func(a, _ sample) float64 { return a.rate }), of(func(_, b sample) float64 { return b.rate }),
			of(func(a, b sample) float64 { return a.rate / b.rate }),
			short(time.Duration(of(func(a, _ sample) float64 { return p99(a) }))), short(time.Duration(of(func(_, b sample) float64 { return p99(b) }))),
			of(func(a, b sample) float64 { return p99(b) / p99(a) }),
			of(func(a, _ sample) float64 { return cpu(a) })/1000, of(func(_, b sample) float64 { return cpu(b) })/1000,
			of(func(a, b sample) float64 { return cpu(b) / cpu(a) }))
	}
	return w.Flush()
}

// findWrk finds the load generator: https://github.com/wg/wrk.
func findWrk() (string, error) {
	if path := os.Getenv("WRK"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("wrk")
	if err != nil {
		return "", errors.New("there is no wrk: use make bench-dataplane, which fetches it, or name it in WRK")
	}
	return path, nil
}

// dataplane is a backend and the two Envoys before it.
type dataplane struct {
	ways          []way
	ours, minimal *envoyProcess
	closers       []func()
}

func newDataplane() (b *dataplane, err error) {
	b = &dataplane{}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	dir, err := os.MkdirTemp("", "gateway-cp-bench-")
	if err != nil {
		return b, err
	}
	b.closers = append(b.closers, func() { _ = os.RemoveAll(dir) })
	addresses, err := freeAddresses(9)
	if err != nil {
		return b, err
	}
	port := func(i int) string { return addresses[i][strings.LastIndexByte(addresses[i], ':')+1:] }
	put := map[string]string{"BACKEND": port(0), "GATEWAY": port(1), "NAMES": port(2), "NODEHTTP": port(3), "NODETCP": port(4), "HTTP": port(5), "TCP": port(6)}
	b.ways = []way{
		{"Gateway", addresses[1], addresses[5]}, {"name", addresses[2], addresses[5]},
		{"node port, HTTP", addresses[3], addresses[5]}, {"node port, bytes", addresses[4], addresses[6]},
	}
	for name, manifest := range map[string]string{"backend": answeringEnvoy, "minimal": minimalEnvoy, "manifests/all": dataplaneManifests} {
		path := filepath.Join(dir, name+".yaml")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(os.Expand(manifest, func(name string) string { return put[name] })), 0o600)); err != nil {
			return b, err
		}
	}
	if _, err = b.startStatic(filepath.Join(dir, "backend.yaml"), 1); err != nil {
		return b, err
	}
	if b.minimal, err = b.startStatic(filepath.Join(dir, "minimal.yaml"), 2); err != nil {
		return b, err
	}
	if err = b.startControlPlane(dir, addresses[7], addresses[8]); err != nil {
		return b, err
	}
	b.ours, err = startEnvoy(addresses[7])
	if err == nil {
		b.closers = append(b.closers, b.ours.stop)
	}
	return b, err
}

func (b *dataplane) close() {
	for _, c := range slices.Backward(b.closers) {
		c()
	}
}

func (b *dataplane) startStatic(path string, concurrency int) (*envoyProcess, error) {
	binary, err := envoybin.Find(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	e := &envoyProcess{dir: filepath.Dir(path)}
	e.cmd = exec.Command(binary, "-c", path, "--disable-hot-restart", "--concurrency", strconv.Itoa(concurrency), "--log-level", "error")
	e.cmd.Stderr = os.Stderr
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, e.stop)
	return e, nil
}

func (b *dataplane) startControlPlane(dir, xds, health string) error {
	binary, err := buildGatewayCP(dir)
	if err != nil {
		return err
	}
	log := &bytes.Buffer{}
	cmd := exec.Command(binary, "serve", "--dir", filepath.Join(dir, "manifests"), "--state-dir", filepath.Join(dir, "state"),
		"--xds-address", xds, "--http-address", health, "--admin-socket", filepath.Join(dir, "admin.sock"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	b.closers = append(b.closers, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := waitReady("http://" + health + "/readyz"); err != nil {
		return fmt.Errorf("%w\n%s", err, log)
	}
	return nil
}

// await waits until both answer.
func (b *dataplane) await(w way) error {
	for _, address := range []string{w.ours, w.minimal} {
		var last error
		for end := time.Now().Add(bound); ; time.Sleep(20 * time.Millisecond) {
			req, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
			if err != nil {
				return err
			}
			req.Host = "web"
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					break
				}
				err = errors.New(resp.Status)
			}
			if last = err; time.Now().After(end) {
				return fmt.Errorf("%s at %s: %w", w.name, address, last)
			}
		}
	}
	return nil
}

// pairs measures both, once for nothing, and then as often as is asked for.
func (b *dataplane) pairs(wrk string, w way) (pairs [][2]sample, err error) {
	for n := range dataplanePairs + 1 {
		var pair [2]sample
		for i := range pair {
			if which := (i + n) % 2; which == 0 {
				pair[0], err = b.load(wrk, w.ours, b.ours)
			} else {
				pair[1], err = b.load(wrk, w.minimal, b.minimal)
			}
			if err != nil {
				return nil, err
			}
		}
		if n > 0 {
			pairs = append(pairs, pair)
		}
	}
	return pairs, nil
}

// load runs wrk once.
func (b *dataplane) load(wrk, address string, envoy *envoyProcess) (s sample, err error) {
	before, err := envoy.cpu()
	if err != nil {
		return s, err
	}
	out, err := exec.Command(wrk, "--latency", "-t1", "-c"+strconv.Itoa(dataplaneClients), "-d"+dataplaneFor.String(), "-H", "Host: web", "http://"+address+"/").CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("%w\n%s", err, out)
	}
	after, err := envoy.cpu()
	if err != nil {
		return s, err
	}
	var requests int64
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case strings.Contains(line, "requests in"):
			requests, err = strconv.ParseInt(fields[0], 10, 64)
		case strings.HasPrefix(line, "Requests/sec:"):
			s.rate, err = strconv.ParseFloat(fields[1], 64)
		case len(fields) == 2 && fields[0] == "99%":
			s.p99, err = time.ParseDuration(fields[1])
		case strings.Contains(line, "Non-2xx") || strings.Contains(line, "Socket errors"):
			err = errors.New("requests have failed")
		}
		if err != nil {
			return s, fmt.Errorf("%w\n%s", err, out)
		}
	}
	if requests == 0 || s.rate == 0 || s.p99 == 0 {
		return s, fmt.Errorf("wrk says something else than expected:\n%s", out)
	}
	s.cpu = (after - before) / time.Duration(requests)
	return s, nil
}

// cpu is what all threads have used.
func (e *envoyProcess) cpu() (time.Duration, error) {
	workers, err := e.workerCPU()
	return e.mainCPU() + workers, err
}
