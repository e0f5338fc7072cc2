package files

import (
	"io"
	"os"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/gateway-cp/gateway-cp/api"
)

// fileRef is a file that objects were read from.
type fileRef struct {
	name    string // as shown to people
	real    string // to open
	data    []byte // the content, for what cannot be opened again: standard input
	charset charset
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
	text, err := p.text()
	if err != nil || xxhash.Sum64(text) != p.sum {
		return p.start()
	}
	seg := p.segment
	seg.offset, seg.length = 0, len(text)
	docs, _ := parse(text, seg)
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
	f, err := openFile(p.file.real)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, p.segment.length)
	_, err = io.ReadFull(io.NewSectionReader(f, int64(p.file.charset.bom)+int64(p.segment.offset), int64(len(text))), text)
	return text, err
}
