package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
)

// connect gives a client for a socket, or for the one gateway-cp that runs.
func connect(socket string) (*admin.Client, error) { return connectBy(socket, "--admin-socket ") }

// connectBy is connect where a socket is named by what stands before it.
func connectBy(socket, named string) (*admin.Client, error) {
	if socket != "" {
		return admin.NewClient(socket), nil
	}
	live := slices.DeleteFunc(knownSockets(), func(path string) bool { return !answers(path) })
	switch len(live) {
	case 1:
		return admin.NewClient(live[0]), nil
	case 0:
		return nil, withHint(cannotf("no gateway-cp of this user answers where its admin socket is by default"),
			"name the socket of one that runs with a --state-dir or --admin-socket of its own with %sSOCKET, or start one with 'gateway-cp run DIR' or 'gateway-cp serve --dir DIR'", named)
	}
	return nil, withHint(usagef("%d instances of gateway-cp are running", len(live)),
		"choose one with %sSOCKET: %s", named, strings.Join(live, ", "))
}

// unanswered is the error for a question that a gateway-cp has not answered.
func unanswered(err error) error {
	return withHint(cannotf("%w", err), "is it running, as this user? Start it with 'gateway-cp run DIR' or 'gateway-cp serve --dir DIR'")
}

// knownSockets lists where the admin sockets of this user's instances are by default.
func knownSockets() []string {
	var paths []string
	if path := runtimeAdminSocket(); path != "" {
		paths = append(paths, path)
	}
	root, err := stateRoot()
	if err != nil {
		return paths
	}
	for _, pattern := range []string{
		filepath.Join(root, "*", adminSocketName),
		filepath.Join(shortSocketDir(), "*-"+adminSocketName),
	} {
		found, _ := filepath.Glob(pattern) // fails only on a bad pattern
		paths = append(paths, found...)
	}
	return paths
}

// answers says whether somebody listens on a socket.
func answers(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
