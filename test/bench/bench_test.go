package main

import (
	"math"
	"os"
	"strings"
	"testing"
)

// A change of one EndpointSlice builds one endpoint assignment (apply fails otherwise), sends
// that alone (the client fails otherwise), and allocates the same among 100 Services as among
// 10,000, from the batch to the bytes at the client.
func TestOneChangeCostsTheSameAmongMany(t *testing.T) {
	var first float64
	for i, c := range crowds() {
		g, err := newGateway(c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := gatewayBed(g, 1)
		if err != nil {
			t.Fatal(err)
		}
		nth := 0
		allocations := testing.AllocsPerRun(200, func() {
			if err := b.once(nth); err != nil {
				t.Fatal(err)
			}
			nth++
		})
		b.close()
		t.Logf("%s: %.0f allocations a change", c, allocations)
		if i == 0 {
			first = allocations
		}
		// gRPC's own vary by a few with the timing of its goroutines.
		if math.Abs(allocations-first) > 0.05*first {
			t.Errorf("%s: %.0f allocations a change, and %.0f for %s", c, allocations, first, crowds()[0])
		}
	}
}

func BenchmarkOneChange(b *testing.B) {
	for _, c := range crowds() {
		b.Run(c.String(), func(b *testing.B) {
			g, err := newGateway(c)
			if err != nil {
				b.Fatal(err)
			}
			bed, err := gatewayBed(g, 1)
			if err != nil {
				b.Fatal(err)
			}
			defer bed.close()
			b.ReportAllocs()
			nth := 0
			for b.Loop() {
				if err := bed.once(nth); err != nil {
					b.Fatal(err)
				}
				nth++
			}
		})
	}
}

// docs/benchmarks.md says of every section what it measures.
func TestSectionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections {
		if !strings.Contains(string(page), "\n### `"+s.name+"`\n") {
			t.Errorf("the section %s has no heading", s.name)
		}
	}
}
