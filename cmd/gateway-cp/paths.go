package main

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketPath is what sockaddr_un.sun_path takes on every system that we run on (Linux
// 108, macOS 104, both with the final zero).
const maxSocketPath = 103

// stateRoot is the directory that holds the state directories of all instances:
// ${XDG_STATE_HOME:-~/.local/state}/gateway-cp (XDG Base Directory Specification).
func stateRoot() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gateway-cp"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", withHint(usagef("no place for the state: %w", err), "give one with --state-dir, or set HOME or XDG_STATE_HOME")
	}
	return filepath.Join(home, ".local", "state", "gateway-cp"), nil
}

// defaultStateDir is where an instance that reads the directory keeps its state. The name
// is readable and, with the hash of the whole path, distinct.
func defaultStateDir(dir string) (string, error) {
	root, err := stateRoot()
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, filepath.Base(abs)+"-"+pathHash(abs)), nil
}

// pathHash tells paths apart in eight characters.
func pathHash(path string) string {
	h := fnv.New32a()
	h.Write([]byte(path))
	return hex.EncodeToString(h.Sum(nil))
}

// runtimeAdminSocket is where an instance listens for the CLI when the system has a
// runtime directory for the user; empty when it has none.
func runtimeAdminSocket() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gateway-cp", "admin.sock")
	}
	return ""
}

// socketPath gives the path of a socket that belongs to a state directory: inside it, or,
// where that is longer than a socket address takes, in a directory of the user's own under
// the system's temporary directory. It is the same at every start, so that an Envoy that
// outlived us finds us again.
func socketPath(stateDir, name string) (string, error) {
	path := filepath.Join(stateDir, name)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	dir, err := privateDir(shortSocketDir())
	if err != nil {
		return "", err
	}
	short := filepath.Join(dir, pathHash(stateDir)+"-"+name)
	if len(short) > maxSocketPath {
		return "", withHint(usagef("state directory %s and temporary directory %s are both too long for a socket (%d bytes)",
			stateDir, os.TempDir(), maxSocketPath), "give a shorter --state-dir or TMPDIR")
	}
	return short, nil
}

// shortSocketDir is where sockets are whose own place has too long a path.
func shortSocketDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("gateway-cp-%d", os.Getuid()))
}

// privateDir makes a directory that only we can enter, or checks that it is one: anybody
// may make directories in the temporary directory.
func privateDir(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", cannotf("%w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", cannotf("%w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ok || int(owner.Uid) != os.Getuid() {
		return "", withHint(cannotf("%s is not a directory that belongs to this user alone", dir),
			"remove it, or give a shorter --state-dir, whose sockets fit into it")
	}
	return dir, nil
}

// existingDir checks a directory that the user named.
func existingDir(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", usagef("directory %s: %w", dir, unwrapPath(err))
	}
	if !info.IsDir() {
		return "", usagef("%s is not a directory", dir)
	}
	return filepath.Abs(dir)
}

// unwrapPath takes the path out of an error whose message names it already.
func unwrapPath(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}

// unixPath gives the path of a unix:// address.
func unixPath(address string) (string, bool) {
	return strings.CutPrefix(address, "unix://")
}
