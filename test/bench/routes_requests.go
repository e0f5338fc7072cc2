package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// versionHeader is the response header in which a backend says its version.
const versionHeader = "X-Version"

// httpClient sends requests over one connection, one after the other.
type httpClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialHTTP(address string) (*httpClient, error) {
	conn, err := net.DialTimeout("tcp", address, bound)
	if err != nil {
		return nil, err
	}
	return &httpClient{conn, bufio.NewReader(conn)}, nil
}

func (c *httpClient) close() { _ = c.conn.Close() }

// get sends a request for a host, and gives the status and version of the answer.
func (c *httpClient) get(host string) (status int, version string, err error) {
	if _, err := fmt.Fprintf(c.conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
		return 0, "", err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get(versionHeader), err
}

// await sends requests until one is answered in this way.
func (c *httpClient) await(host string, status int, version string) error {
	var s int
	var v string
	for end := time.Now().Add(bound); time.Now().Before(end); {
		var err error
		if s, v, err = c.get(host); err != nil {
			return err
		}
		if s == status && v == version {
			return nil
		}
	}
	return fmt.Errorf("%s is answered with %d by %q, want %d by %q", host, s, v, status, version)
}

// asked is a way to ask for a Service, with what it costs.
type asked struct {
	what   string
	of     *routed
	host   string
	status int

	cpu []time.Duration // of the workers for a request, of each round
	// took is how long all rounds lasted, and requests how many they had.
	took     time.Duration
	requests int
}

// requestsTable measures what a request costs Envoy's workers by the way in which its route is
// found, in turns, so that what else the machine does hits all of them. Shown are medians.
func requestsTable() error {
	const rounds, each = 41, 2000
	c := crowd{services: 1000}
	var ways []*routed
	for _, way := range cuts {
		r, err := newRouted(c, way)
		if err != nil {
			return err
		}
		defer r.close()
		ways = append(ways, r)
	}
	ours, one := ways[0], ways[1]
	namespace, name := c.id(c.services / 2)
	host := name + "." + namespace
	all := []*asked{
		{what: "one RouteConfiguration", of: one, host: host + ".svc", status: http.StatusOK},
		{what: "name and namespace", of: ours, host: host + ".svc", status: http.StatusOK},
		{what: "a port after them, found again", of: ours, host: host + ":80", status: http.StatusOK},
		{what: "upper case, found again", of: ours, host: strings.ToUpper(host), status: http.StatusOK},
		{what: "nothing, one RouteConfiguration", of: one, host: "nobody.nowhere", status: http.StatusNotFound},
		{what: "nothing", of: ours, host: "nobody.nowhere", status: http.StatusNotFound},
	}
	for range rounds {
		for _, a := range all {
			if err := a.run(each); err != nil {
				return fmt.Errorf("%s: %w", a.what, err)
			}
		}
	}
	w := table()
	fmt.Fprintln(w, "a request whose route is found by\tworkers' CPU\tmore than in one RouteConfiguration\trequests a second\t")
	var base time.Duration
	for _, a := range all {
		slices.Sort(a.cpu)
		cpu := a.cpu[len(a.cpu)/2]
		if a.of == one {
			base = cpu
		}
		fmt.Fprintf(w, "%s\t%.1f µs\t%.1f µs\t%.0f\t\n", a.what, micros(cpu), micros(cpu-base), float64(a.requests)/a.took.Seconds())
	}
	return w.Flush()
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// run sends requests over a few connections.
func (a *asked) run(requests int) error {
	const connections = 4
	var clients [connections]*httpClient
	for i := range clients {
		c, err := dialHTTP(a.of.address)
		if err != nil {
			return err
		}
		defer c.close()
		clients[i] = c
	}
	before, err := a.of.envoy.workerCPU()
	if err != nil {
		return err
	}
	began := time.Now()
	var wg sync.WaitGroup
	var failed [connections]error
	for i, c := range clients {
		wg.Go(func() {
			for range requests / connections {
				status, _, err := c.get(a.host)
				if err == nil && status != a.status {
					err = fmt.Errorf("%s is answered with %d, want %d", a.host, status, a.status)
				}
				if err != nil {
					failed[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	after, err := a.of.envoy.workerCPU()
	a.took += time.Since(began)
	a.cpu = append(a.cpu, (after-before)/time.Duration(requests))
	a.requests += requests
	return err
}
