package files

import "sync"

// arena is where the nodes of a document are until the next one is read: most are looked at once, and
// there are hundreds in each. It belongs to one goroutine.
type arena struct {
	nodes  slab[node]
	fields slab[field]
	items  slab[*node]

	openFields []field // those read so far of maps that go on
	openItems  []*node // and of lists

	texts *texts
	// keeps says that texts outlive the document.
	keeps bool

	json    []byte           // of the object that is looked at
	objects []map[string]any // empty ones
	lent    []map[string]any // those in what is decoded of the object that is looked at
	values  slab[any]        // of lists in it
}

var arenas = sync.Pool{New: func() any { return newArena() }}

func newArena() *arena { return &arena{texts: newTexts()} }

// own gives a piece of the document that may be kept.
func (a *arena) own(s string) string {
	if a.keeps {
		return a.texts.own(s)
	}
	return s
}

// reset says that nobody looks at the nodes any more.
func (a *arena) reset() {
	a.nodes.reset()
	a.fields.reset()
	a.items.reset()
	a.openFields, a.openItems = a.openFields[:0], a.openItems[:0]
}

const (
	// smallObject is how many fields a map has room for that is used for one object after the other.
	smallObject = 8
	// keptObjects is how many of these are kept, and keptJSON how many bytes of JSON; more were of a
	// large object.
	keptObjects, keptJSON = 1024, 1 << 20
)

// object gives an empty map for so many fields.
func (a *arena) object(fields int) map[string]any {
	if fields > smallObject {
		return make(map[string]any, fields)
	}
	var m map[string]any
	if last := len(a.objects) - 1; last >= 0 {
		m, a.objects = a.objects[last], a.objects[:last]
	} else {
		m = make(map[string]any, smallObject)
	}
	a.lent = append(a.lent, m)
	return m
}

// looked says that nobody looks any more at what was decoded of an object, nor at its JSON.
func (a *arena) looked() {
	for _, m := range a.lent {
		if len(m) <= smallObject && len(a.objects) < keptObjects {
			clear(m)
			a.objects = append(a.objects, m)
		}
	}
	clear(a.lent)
	a.lent = a.lent[:0]
	a.values.reset()
	if cap(a.json) > keptJSON {
		a.json = nil
	}
}

// slab gives pieces of memory. What is in them is not defined.
type slab[T any] struct {
	chunks [][]T
	chunk  int // the one that is used
	used   int // of it
}

const (
	firstChunk = 64
	lastChunk  = 1024
	// keptChunks is how many a slab has for the next document. More were of a large one.
	keptChunks = 8
)

func (s *slab[T]) take(n int) []T {
	for ; s.chunk < len(s.chunks); s.chunk, s.used = s.chunk+1, 0 {
		if c := s.chunks[s.chunk]; len(c)-s.used >= n {
			s.used += n
			return c[s.used-n : s.used : s.used]
		}
	}
	size := max(n, min(firstChunk<<len(s.chunks), lastChunk))
	s.chunks = append(s.chunks, make([]T, size))
	s.used = n
	return s.chunks[s.chunk][:n:n]
}

func (s *slab[T]) reset() {
	if len(s.chunks) > keptChunks {
		s.chunks = nil
	}
	s.chunk, s.used = 0, 0
}

// keep copies what is read of a map or list.
func (s *slab[T]) keep(read []T) []T {
	kept := s.take(len(read))
	copy(kept, read)
	return kept
}
