// Command library is a control plane of its own, made of the packages xds and resource alone.
//
// It has the Envoys of the fleet "default" listen at an address, and send everything to the
// backends that the newest line of its standard input names, with a name for them:
//
//	blue 127.0.0.1:9001 127.0.0.1:9002
//
// A line with another name is a new cluster, and a route that leads there. It is published as one
// change; each Envoy gets the route when it has the new cluster, and loses the old cluster when it
// has the new route, so no request is lost.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

func main() {
	address := flag.String("xds-address", "127.0.0.1:18000", "where Envoys find this control plane")
	listen := flag.String("listen", "127.0.0.1:10000", "where Envoys listen")
	flag.Parse()
	if err := run(*address, *listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, listen string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := xds.NewServer(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	g := grpc.NewServer(server.Options()...)
	server.Register(g)
	defer g.Stop()
	serve := sync.OnceFunc(func() { go func() { _ = g.Serve(l) }() })

	shop := resource.NewCollection(resource.Encoding{Audience: resource.OfFleet("default")})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := publish(server, shop, at, lines.Text()); err != nil {
			fmt.Fprintf(os.Stderr, "%q: %v\n", lines.Text(), err) // Envoys keep what they have
			continue
		}
		serve() // not before: an Envoy that comes back would lose what it has
	}
	return lines.Err()
}

// publish makes a line of input the newest state of the shop.
func publish(server *xds.Server, shop *resource.Collection, listen netip.AddrPort, line string) error {
	version, rest, _ := strings.Cut(line, " ")
	var backends []netip.AddrPort
	for _, field := range strings.Fields(rest) {
		backend, err := netip.ParseAddrPort(field)
		if err != nil {
			return err
		}
		backends = append(backends, backend)
	}
	messages, err := resources(listen, version, backends)
	if err != nil {
		return err
	}
	changes, err := shop.Replace(messages...)
	if err != nil {
		return err
	}
	number := server.Apply(changes)
	fmt.Printf("change %d: %d resources and parts of resources\n", number, len(changes.Entries))
	return nil
}
