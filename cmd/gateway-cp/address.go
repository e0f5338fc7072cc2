package main

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
)

// checkAddress checks a host:port or unix:///path that a flag gives.
func checkAddress(flag, address string) error {
	if path, ok := unixPath(address); ok {
		if !filepath.IsAbs(path) {
			return withHint(usagef("--%s: %q is not an absolute path", flag, address), "write unix:///path/to/socket")
		}
		if len(path) > maxSocketPath {
			return usagef("--%s: %s is longer than a socket path may be (%d bytes)", flag, path, maxSocketPath)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return withHint(usagef("--%s: %w", flag, err), "write host:port or unix:///path")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return usagef("--%s: %q: the port must be a number from 0 to 65535", flag, address)
	} else if n == 0 && flag == "envoy-admin-address" {
		return usagef("--%s: %q: port 0 would be a port that nobody knows", flag, address)
	}
	return nil
}

// isLocal says whether only this machine can reach an address.
func isLocal(address string) bool {
	if _, ok := unixPath(address); ok {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
