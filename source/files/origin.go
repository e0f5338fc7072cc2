package files

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/cespare/xxhash/v2"

	"github.com/gateway-cp/gateway-cp/api"
)

// fileRef is a file that objects were read from.
type fileRef struct {
	name    string // as shown to people
	real    string // to open
	data    []byte // the content, for what cannot be opened again: standard input
	charset charset
	recent  *recent // nil without Lists
}

// place is where an object stands in a file.
type place struct {
	file         *fileRef // shared by all objects in it
	segment      segment
	sum          uint64 // of the segment's text
	document     int    // in the segment
	items        []int  // in Lists within Lists
	line, column int
}

func (p *place) start() api.Position {
	return api.Position{File: p.file.name, Line: p.line, Column: p.column}
}

// position gives the place of a field of the object, which is at hand.
func (p *place) position(n *node, path string) api.Position {
	line, column := n.find(path)
	return api.Position{File: p.file.name, Line: line, Column: column}
}

// origin implements api.Origin. It keeps no text: asked for a field, it reads the document
// again. An object whose text moves without a change to itself keeps its origin, which then
// points to the new place: so ask for positions when they are shown, not when they are noted.
type origin struct{ p atomic.Pointer[place] }

var _ api.Origin = (*origin)(nil)

func newOrigin(p *place) *origin {
	o := new(origin)
	o.p.Store(p)
	return o
}

// At gives the place of a field; that of the object when the file has changed since.
func (o *origin) At(path string) api.Position {
	p := o.p.Load()
	if path == "" || p.line == 0 {
		return p.start()
	}
	docs := p.documents()
	if p.document >= len(docs) {
		return p.start()
	}
	n := docs[p.document].root
	for _, i := range p.items {
		items := n.get("items")
		if items == nil || i >= len(items.items) {
			return p.start()
		}
		n = items.items[i]
	}
	return p.position(n, path)
}

// longDocument is from how many bytes on parsing a document again is worth remembering: 32 KiB.
const longDocument = 32 << 10

// documents parses the segment again. Long ones, and those of a List, are remembered while others
// may ask for them: a List of thousands of objects, or a document with thousands of errors, would
// be parsed thousands of times.
func (p *place) documents() []document {
	parse := func() []document {
		text, err := p.text()
		if err != nil || xxhash.Sum64(text) != p.sum {
			return nil
		}
		seg := p.segment
		seg.offset, seg.length = 0, len(text)
		docs, _ := parse(text, seg)
		return docs
	}
	if p.file.recent == nil || len(p.items) == 0 && p.segment.length < longDocument {
		return parse()
	}
	var now stamp
	if p.file.data == nil {
		info, err := os.Stat(p.file.real)
		if err != nil {
			return nil
		}
		now = stampOf(info)
	}
	return p.file.recent.documents(p.segment, p.sum, now, parse)
}

// recent is the List or long document of a file that was asked for last. The garbage collector may take it away.
type recent struct {
	lock    sync.Mutex
	segment segment
	sum     uint64
	stamp   stamp // of the file
	docs    weak.Pointer[[]document]
}

func (r *recent) documents(s segment, sum uint64, now stamp, parse func() []document) []document {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.segment == s && r.sum == sum && r.stamp == now {
		if docs := r.docs.Value(); docs != nil {
			return *docs
		}
	}
	docs := parse()
	r.segment, r.sum, r.stamp, r.docs = s, sum, now, weak.Make(&docs)
	return docs
}

// text reads the segment again.
func (p *place) text() ([]byte, error) {
	if p.file.data != nil && !p.file.charset.wide {
		// It was checked when it was read; to do that again for every field asked for takes for ever.
		start := int(p.file.charset.bom) + p.segment.offset
		return p.file.data[start : start+p.segment.length], nil
	}
	if p.file.charset.wide {
		data := p.file.data
		if data == nil {
			var err error
			if data, err = os.ReadFile(p.file.real); err != nil {
				return nil, err
			}
		}
		text, bad := p.file.charset.text(data)
		if bad != nil || len(text) < p.segment.offset+p.segment.length {
			return nil, io.ErrUnexpectedEOF
		}
		return text[p.segment.offset : p.segment.offset+p.segment.length], nil
	}
	f, _, err := openFile(p.file.real)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, p.segment.length)
	_, err = io.ReadFull(io.NewSectionReader(f, int64(p.file.charset.bom)+int64(p.segment.offset), int64(len(text))), text)
	return text, err
}
