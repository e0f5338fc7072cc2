package xds

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/mem"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Whatever is kept of a request must not be in its memory, which is used again: all tests of this
// package run with memory that is spoilt when it is given back.
func init() { requestPool = spoiling{requestPool} }

type spoiling struct{ mem.BufferPool }

func (p spoiling) Put(b *[]byte) {
	all := (*b)[:cap(*b)]
	for i := range all {
		all[i] = 0xDB
	}
	p.BufferPool.Put(b)
}

// A request of several frames is put together in memory that is used again: the names in it stay what they were.
func TestNothingKeptOfARequestIsInItsMemory(t *testing.T) {
	f := newFixture(t)
	c := f.connect("e")
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("a/service/of/which/nobody/knows/%03d", i))
	}
	c.asks(resource.Endpoint, names...)
	c.takes(resource.Endpoint, names...)
	f.apply(endpoints(names[7], "1"))
	c.takes(resource.Endpoint, names[7])
}
