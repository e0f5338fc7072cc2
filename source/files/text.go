package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// textError is something that a parser does not understand, with its place in the text.
type textError struct {
	line, column int
	message      string
	hint         string
}

// charset says how the bytes of a file become UTF-8 text.
type charset struct {
	bom  int  // bytes before the text
	wide bool // UTF-16
	big  bool // of those two bytes the larger comes first
}

// charsetOf looks at the byte order mark, if there is one.
func charsetOf(data []byte) charset {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return charset{bom: 3}
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return charset{bom: 2, wide: true}
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return charset{bom: 2, wide: true, big: true}
	}
	return charset{}
}

// text decodes a file's bytes to UTF-8 and checks that it is text at all: the YAML parser
// would report binary junk without a place.
func (e charset) text(data []byte) ([]byte, *textError) {
	data = data[e.bom:]
	if e.wide {
		if len(data)%2 != 0 {
			return nil, &textError{line: 1, column: 1, message: "the file says that it is UTF-16, but ends within a character", hint: "save it as UTF-8"}
		}
		var order binary.ByteOrder = binary.LittleEndian
		if e.big {
			order = binary.BigEndian
		}
		units := make([]uint16, len(data)/2)
		for i := range units {
			units[i] = order.Uint16(data[2*i:])
		}
		data = []byte(string(utf16.Decode(units)))
	}
	for i := 0; i < len(data); {
		c := data[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				line, column := lineColumn(data, i)
				return nil, &textError{line: line, column: column, message: fmt.Sprintf("byte 0x%02x is not UTF-8 text", c), hint: "save the file as UTF-8"}
			}
			i += size
			continue
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			line, column := lineColumn(data, i)
			return nil, &textError{line: line, column: column, message: fmt.Sprintf("control character 0x%02x: this is not a text file", c), hint: "remove the character, or the file"}
		}
		i++
	}
	return data, nil
}

// lineColumn gives the place of a byte, both counted from 1. The column counts bytes.
func lineColumn(text []byte, offset int) (line, column int) {
	before := text[:offset]
	return bytes.Count(before, []byte("\n")) + 1, offset - bytes.LastIndexByte(before, '\n')
}

// segment is the part of a text between two document markers.
type segment struct {
	offset, length int // bytes in the text
	line, column   int // where it starts, from 1
	json           bool
}

// split cuts a text at its document markers, or between concatenated JSON values. A syntax
// error in one segment therefore never hurts another. YAML knows no context in which a line
// may begin with "---" or "..." and not be a marker; kubectl cuts in the same way.
func split(text []byte) []segment {
	if segments := splitJSON(text); segments != nil {
		return segments
	}
	var segments []segment
	start, startLine := 0, 1
	line := 1
	for offset := 0; offset < len(text); {
		end := len(text)
		if i := bytes.IndexByte(text[offset:], '\n'); i >= 0 {
			end = offset + i + 1
		}
		if offset > start && isMarker(text[offset:end]) {
			segments = append(segments, segment{offset: start, length: offset - start, line: startLine, column: 1})
			start, startLine = offset, line
		}
		line++
		if isEnd(text[offset:end]) {
			segments = append(segments, segment{offset: start, length: end - start, line: startLine, column: 1})
			start, startLine = end, line
		}
		offset = end
	}
	if start < len(text) {
		segments = append(segments, segment{offset: start, length: len(text) - start, line: startLine, column: 1})
	}
	kept := segments[:0]
	for _, s := range segments {
		if !blank(text[s.offset : s.offset+s.length]) {
			kept = append(kept, s)
		}
	}
	return kept
}

// isMarker says whether a line begins a document.
func isMarker(line []byte) bool { return isLine(line, "---") }

// isEnd says whether a line ends a document.
func isEnd(line []byte) bool { return isLine(line, "...") }

func isLine(line []byte, marker string) bool {
	return bytes.HasPrefix(line, []byte(marker)) && (len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0)
}

// blank says whether a segment has only comments, directives and markers. A directive
// belongs to the segment after it, which does without.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if isMarker(line) {
			line = bytes.TrimSpace(line[3:])
		}
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && !isEnd(line) {
			return false
		}
	}
	return true
}
