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
