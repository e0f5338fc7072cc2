package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
	"time"
)

// namespaceEnv is set in the process of a section that has a network namespace of its own.
const namespaceEnv = "GATEWAY_CP_BENCH_NAMESPACE"

// section is a table that can be asked for by its name.
type section struct {
	name, title string
	run         func() error
}

var sections = []section{
	{"change", "One EndpointSlice changes, until the bytes are handed to gRPC, 1 client. CPU and allocations with the\nacknowledgement", func() error { return handedTable(1) }},
	{"hundred", "The same for 100 clients", func() error { return handedTable(100) }},
	{"memory", "Memory of 100 clients, for each client and resource", memoryTable},
	{"loopback", "One EndpointSlice changes, until the bytes are at 1 client over gRPC. Medians; allocations of server and\nclient. In brackets: how many times as long as gateway-cp", func() error { return loopbackTable(1, 300) }},
	{"loopback-hundred", "The same for 100 clients", func() error { return loopbackTable(100, 50) }},
	{"fleet", "1,000 clients with a connection each, 1,000 Services; server and clients are processes of their own", fleetTable},
	{"slow", "A client that reads nothing for a minute, beside 10 others, 1,000 Services, 100 changes a second", slowTable},
	{"burst", "2,000 changes in one second, 1,000 Services, 10 clients", burstTable},
	{"routes", "The route of one Service changes among 10,000, until the first request of a real Envoy goes by it", routesTable},
	{"files", "From the write of a file, 1 client (20 ms of that is waiting for the writer to stop)", filesTable},
	{"validate", "validate of 10,000 documents of ten kinds, cold, beside kubeconform, which checks each by its schema only.\nMedians (least) of runs in turns; a document's time is of the median", validateTable},
	{"dns", "Queries for the addresses of 10,000 Services over UDP, 16 clients; medians of 9 rounds of a second in turns", dnsTable},
	{"dataplane", "Requests through an Envoy that gateway-cp configures, and through one with a minimal configuration by hand;\nmedians of 15 pairs, ratios of pairs: what is above 1 is better than by hand", dataplaneTable},
	{"services", fmt.Sprintf("%d Services with cluster IPs, %d of them with node ports: gateway-cp run, from its start until all answer; median\nof %d for one more. Beside it Envoy alone, with a file", allServices, withNodePorts, moreServices), servicesTable},
	{"process", fmt.Sprintf("A gateway-cp process, %d endpoints a Service", endpointsOfEach), processTable},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the sections with these names, or all of them: each in a process of its own, so that
// none is measured with what another has left behind.
func run(names []string) error {
	if len(names) > 0 && (names[0] == serverRole || names[0] == clientsRole || names[0] == dnsRole) {
		return playRole(names)
	}
	for _, name := range names {
		if !slices.ContainsFunc(sections, func(s section) bool { return s.name == name }) {
			return fmt.Errorf("there is no section %q", name)
		}
	}
	for _, s := range sections {
		switch {
		case len(names) == 1 && names[0] == s.name:
			if os.Getenv(namespaceEnv) == "" {
				fmt.Printf("\n%s (%s)\n\n", s.title, s.name)
			}
			return s.run()
		case len(names) == 0 || slices.Contains(names, s.name):
			if err := runApart(s.name); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// runApart runs one section in a process.
func runApart(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, name)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func table() *tabwriter.Writer {
	return tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
}

// row is what was measured among one crowd.
type row struct{ ours, linear, snapshot figures }

func loopbackTable(clients, changes int) error {
	w := table()
	fmt.Fprintln(w, "Services\tgateway-cp\tagainst 100\tallocs\tlinear cache\tallocs\tsnapshot cache\tallocs\t")
	var first figures
	for _, c := range crowds() {
		if clients > 1 && c.services > 1000 {
			continue // minutes, and gigabytes for the clients
		}
		r, err := measureAll(c, clients, changes)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if c.services == sizes[0] {
			first = r.ours
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.0f\t%s (%.1f×)\t%.0f\t%s (%.1f×)\t%.0f\t\n", c,
			short(r.ours.median), ratio(r.ours, first), r.ours.allocations,
			short(r.linear.median), ratio(r.linear, r.ours), r.linear.allocations,
			short(r.snapshot.median), ratio(r.snapshot, r.ours), r.snapshot.allocations)
	}
	return w.Flush()
}

func measureAll(c crowd, clients, changes int) (r row, err error) {
	g, err := newGateway(c)
	if err != nil {
		return r, err
	}
	all, err := assignments(g)
	if err != nil {
		return r, err
	}
	b, err := gatewayBed(g, clients)
	if err != nil {
		return r, err
	}
	r.ours, err = b.measure(changes)
	b.close()
	if err != nil {
		return r, err
	}
	l := newLinear(c, all)
	if r.linear, err = measureCache(cacheBed(c, l.cache, l.change, clients))(changes); err != nil {
		return r, err
	}
	s, err := newSnapshot(c, all)
	if err != nil {
		return r, err
	}
	// A snapshot takes long enough for fewer to be exact.
	r.snapshot, err = measureCache(cacheBed(c, s.cache, s.change, clients))(max(10, changes/10))
	return r, err
}

func measureCache(b *bed, err error) func(int) (figures, error) {
	return func(changes int) (figures, error) {
		if err != nil {
			return figures{}, err
		}
		defer b.close()
		return b.measure(changes)
	}
}

func filesTable() error {
	w := table()
	fmt.Fprintln(w, "Services\tgateway-cp\tagainst 100\tallocs\t")
	var first figures
	for _, c := range crowds() {
		f, err := ofFiles(c, 20)
		if err != nil {
			return fmt.Errorf("%s, files: %w", c, err)
		}
		if c.services == sizes[0] {
			first = f
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.0f\t\n", c, short(f.median), ratio(f, first), f.allocations)
	}
	return w.Flush()
}

func ratio(a, b figures) float64 { return float64(a.median) / float64(b.median) }

func short(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
