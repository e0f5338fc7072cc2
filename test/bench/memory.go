package main

import (
	"fmt"
	"runtime"

	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

// memoryTable measures what a client that is in sync takes for each resource that it has, beyond
// what the server holds once for all (all of the heap, so with what a client takes however little
// it has), and the stacks of its goroutines; without gRPC's connections.
func memoryTable() error {
	const clients = 100
	w := table()
	fmt.Fprintln(w, "Services\tresources of a client\tgateway-cp, bytes each\tstacks of a client\tlinear cache, bytes each\ttimes as much\tstacks of a client\t")
	for _, services := range sizes[1:] {
		c := crowd{services: services}
		resources, ours, stacks, err := memoryOfClients(c, clients)
		if err != nil {
			return err
		}
		linear, linearStacks, err := memoryOfLinearClients(c, clients)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%d\t%.1f\t%.1f KiB\t%.1f\t%.1f×\t%.1f KiB\t\n", services, resources, ours, stacks/1024, linear, linear/ours, linearStacks/1024)
	}
	return w.Flush()
}

// wildcards are the types of which an Envoy asks for everything.
var wildcards = []resource.Type{resource.Cluster, resource.Listener, resource.Scope}

// memoryOfClients returns how many resources a client has, and the bytes that each takes.
func memoryOfClients(c crowd, clients int) (resources int, bytes, stacks float64, err error) {
	g, err := newGateway(c)
	if err != nil {
		return 0, 0, 0, err
	}
	// One client comes first: what the server makes once is made then.
	first, err := gatewayWires(g, 1)
	if err != nil {
		return 0, 0, 0, err
	}
	defer first.close()
	heap, stack := inUse()
	b, err := connectWires(g.server, c, clients, nil, wildcards...)
	if err != nil {
		return 0, 0, 0, err
	}
	defer b.close()
	if err := g.awaitSync(clients + 1); err != nil {
		return 0, 0, 0, err
	}
	heapAfter, stackAfter := inUse()
	resources = held(g.server)
	return resources, (heapAfter - heap) / float64(clients*resources), (stackAfter - stack) / float64(clients), nil
}

// held is how many resources the first client has.
func held(s *xds.Server) (n int) {
	for _, t := range s.Fleet()[0].Types {
		n += t.Held
	}
	return n
}

func memoryOfLinearClients(c crowd, clients int) (bytes, stacks float64, err error) {
	g, err := newGateway(c)
	if err != nil {
		return 0, 0, err
	}
	all, err := assignments(g)
	if err != nil {
		return 0, 0, err
	}
	l := newLinear(c, all)
	first, err := cacheWires(l.cache, c, 1, l.change)
	if err != nil {
		return 0, 0, err
	}
	defer first.close()
	heap, stack := inUse()
	b, err := cacheWires(l.cache, c, clients, l.change)
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	heapAfter, stackAfter := inUse()
	return (heapAfter - heap) / float64(clients*c.services), (stackAfter - stack) / float64(clients), nil
}

// inUse is the memory of the heap and of stacks that is in use, in bytes.
func inUse() (heap, stacks float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first has finalized, and pools
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}
