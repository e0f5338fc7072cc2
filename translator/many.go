package translator

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// manyNodes is from how many nodes on several goroutines build them: the first translation, and large
// changes. What a node comes to is a pure function of what it reads, and while nodes are built nothing of
// that changes, so that it makes no difference to what comes out.
const manyNodes = 256

// atOnce is how many nodes a goroutine takes at a time.
const atOnce = 32

// built is what building a node gave.
type built[R any] struct {
	result     R
	asked      []uint32
	unanswered []lookup
}

// build builds nodes, which give an R each, and takes in what they came to and the cells that they
// asked for, in their order.
func build[R any](t *Translator, nodes []*node, one func(*Reader, *node) R, take func(*node, []uint32, R)) {
	if len(nodes) < t.many {
		for _, n := range nodes {
			reader := t.newReader()
			result := one(reader, n)
			take(n, reader.asked, result)
		}
		return
	}
	all := make([]built[R], len(nodes))
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			reader := &Reader{objects: t.objects, tracked: true, shared: true, settings: t.reader.settings}
			for {
				from := int(next.Add(atOnce)) - atOnce
				if from >= len(nodes) {
					return
				}
				for i := from; i < min(from+atOnce, len(nodes)); i++ {
					reader.asked, reader.unanswered = reader.asked[:0], reader.unanswered[:0]
					result := one(reader, nodes[i])
					all[i] = built[R]{result, slices.Clone(reader.asked), slices.Clone(reader.unanswered)}
				}
			}
		})
	}
	group.Wait()
	for i, n := range nodes {
		asked := all[i].asked
		for _, l := range all[i].unanswered {
			asked = addCell(asked, t.objects.have(l))
		}
		take(n, asked, all[i].result)
		all[i] = built[R]{}
	}
}
