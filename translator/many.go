package translator

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// manyUnits is from how many units on several goroutines build them: the first translation, and large
// changes. A unit is a pure function of what it reads, and while units are built nothing of that changes,
// so that it makes no difference to what comes out.
const manyUnits = 256

// atOnce is how many units a goroutine takes at a time.
const atOnce = 32

// unitBuilt is what building a unit gave.
type unitBuilt struct {
	result     Result
	asked      []uint32
	unanswered []lookup
}

// buildMany builds units, and takes in what they came to in their order.
func (t *Translator) buildMany(units []*node, changed differences) {
	built := make([]unitBuilt, len(units))
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			reader := &Reader{objects: t.objects, tracked: true, shared: true, settings: t.reader.settings}
			for {
				from := int(next.Add(atOnce)) - atOnce
				if from >= len(units) {
					return
				}
				for i := from; i < min(from+atOnce, len(units)); i++ {
					reader.asked, reader.unanswered = reader.asked[:0], reader.unanswered[:0]
					result := units[i].unit.Feature.Build(reader, units[i].unit)
					built[i] = unitBuilt{result, slices.Clone(reader.asked), slices.Clone(reader.unanswered)}
				}
			}
		})
	}
	group.Wait()
	for i, n := range units {
		asked := built[i].asked
		for _, l := range built[i].unanswered {
			asked = addCell(asked, t.objects.have(l))
		}
		t.adopt(n, asked, built[i].result, changed)
		built[i] = unitBuilt{}
	}
}
