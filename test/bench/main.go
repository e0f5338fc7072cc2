package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	fmt.Println("One EndpointSlice changes, until the bytes are at the clients. Medians; allocations of server and")
	fmt.Println("clients together. In brackets: how many times as long as gateway-cp.")
	for _, clients := range []int{1, 100} {
		changes := 300
		if clients > 1 {
			changes = 50
		}
		fmt.Printf("\nIn process, %d client(s)\n\n", clients)
		if err := table(clients, changes); err != nil {
			return err
		}
	}
	fmt.Print("\nFrom the write of a file, 1 client (20 ms of that is waiting for the writer to stop)\n\n")
	if err := filesTable(); err != nil {
		return err
	}
	fmt.Printf("\nA gateway-cp process, %d endpoints a Service\n\n", endpointsOfEach)
	return processTable()
}

// row is what was measured among one crowd.
type row struct{ ours, linear, snapshot figures }

func table(clients, changes int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
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
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
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
