package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// alone measures Envoy with a file that has what gateway-cp would send, until it is live.
func (b *servicesBed) alone() (u usage, err error) {
	bootstrap := filepath.Join(b.dir, "static.json")
	socket := filepath.Join(b.dir, "alone.sock")
	file, err := os.Create(bootstrap)
	if err != nil {
		return u, err
	}
	translate := exec.Command(b.binary, "translate", b.manifests, "--static", "-o", "json", "--envoy-admin-address", "unix://"+socket)
	translate.Stdout = file
	if err := errors.Join(translate.Run(), file.Close()); err != nil {
		return u, err
	}
	cmd := exec.Command(b.envoy, "-c", bootstrap, "--disable-hot-restart", "--concurrency", "2", "--log-level", "error")
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = os.Remove(socket) }()
	live := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	err = await(func() error {
		resp, err := live.Get("http://envoy/ready")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
	if err != nil {
		return u, err
	}
	u.ready = time.Since(began)
	if u.cpu, err = cpuOf(cmd.Process.Pid); err != nil {
		return u, err
	}
	return u, memoryOf(cmd.Process.Pid, &u)
}
