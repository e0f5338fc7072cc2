package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc"
)

// The bench runs itself as these, to measure server and clients apart.
const (
	serverRole  = "be-server"
	clientsRole = "be-clients"
)

const (
	fleetClients  = 1000
	fleetServices = 1000
)

// playRole is what the process does that has a role.
func playRole(args []string) error {
	if len(args) != 3 {
		return errors.New("a role has an address and a number")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	switch args[0] {
	case serverRole:
		return beServer(args[1], n)
	case dnsRole:
		return beDNS(args[1], n)
	}
	return beClients(args[1], n)
}

// fleetState is what a server says of its clients.
type fleetState struct {
	InSync    int
	Resources uint64 // that it has sent since it started
}

// beServer serves a crowd, and tells the state of its clients for each line that it reads.
func beServer(address string, services int) error {
	debug.SetGCPercent(30) // as gateway-cp serve does
	g, err := newGateway(crowd{services: services})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s := grpc.NewServer(g.server.Options()...)
	g.server.Register(s)
	go func() { _ = s.Serve(l) }()
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); ; {
		var state fleetState
		for _, e := range g.server.Summary() {
			if e.InSync() {
				state.InSync++
			}
			state.Resources += e.Resources
		}
		if err := out.Encode(state); err != nil {
			return err
		}
		if !in.Scan() {
			return nil
		}
	}
}

// beClients runs clients until the standard input ends.
func beClients(address string, n int) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	had := newVersions()
	var clients []*raw
	for i := range n {
		on := func(response) {}
		if i == 0 {
			on = had.note // all have the same
		}
		c, err := newRaw(address, i, nil, on)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	runAll(ctx, clients, had)
	return nil
}

// role is a process with a role.
type role struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startRole(name, address string, n int) (*role, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &role{cmd: exec.Command(self, name, address, strconv.Itoa(n))}
	r.cmd.Stderr = os.Stderr
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = json.NewDecoder(out)
	return r, r.cmd.Start()
}

// stop ends the process, by its input or, for a server that is to go without a word, by force.
func (r *role) stop(byForce bool) {
	if byForce {
		_ = r.cmd.Process.Kill()
	}
	_ = r.in.Close()
	_ = r.cmd.Wait()
}

// await waits until so many clients of a server are in sync, and returns how long that took and
// its state.
func (r *role) await(clients int) (time.Duration, fleetState, error) {
	began := time.Now()
	var state fleetState
	for time.Since(began) < bound {
		if err := r.out.Decode(&state); err != nil {
			return 0, state, err
		}
		if state.InSync == clients {
			return time.Since(began), state, nil
		}
		time.Sleep(20 * time.Millisecond)
		if _, err := fmt.Fprintln(r.in); err != nil {
			return 0, state, err
		}
	}
	return 0, state, fmt.Errorf("%d of %d clients are in sync", state.InSync, clients)
}

// fleetTable measures many clients: from nothing until they are in sync, and after the server
// was killed and started again with the same content.
func fleetTable() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	w := table()
	fmt.Fprintln(w, "\tall in sync after\tserver's CPU\tresources sent\tmemory\tits peak\t")
	measure := func(what string, server *role) error {
		took, state, err := server.await(fleetClients)
		if err != nil {
			return err
		}
		cpu, err := cpuOf(server.cmd.Process.Pid)
		if err != nil {
			return err
		}
		var u usage
		if err := memoryOf(server.cmd.Process.Pid, &u); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t\n", what, short(took), short(cpu), state.Resources, mib(u.anonymous), mib(u.peak))
		return nil
	}
	// Clients are there first: what counts is the time from the moment that they can connect.
	clients, err := startRole(clientsRole, address, fleetClients)
	if err != nil {
		return err
	}
	defer clients.stop(false)
	for _, what := range []string{"from nothing", "after a restart", "after another"} {
		server, err := startRole(serverRole, address, fleetServices)
		if err != nil {
			return err
		}
		var first fleetState
		if err = server.out.Decode(&first); err == nil { // it is ready
			if _, err = fmt.Fprintln(server.in); err == nil {
				err = measure(what, server)
			}
		}
		server.stop(true)
		if err != nil {
			return err
		}
	}
	return w.Flush()
}
