package files

import "strings"

// literal reads the text behind a | in a map that begins at a column: the lines below that are
// indented further, as they are. It gives up where the text does not begin in the very next line,
// or ends with the file in the middle of a line.
//
// https://yaml.org/spec/1.2.2/#812-literal-style
func (p *simple) literal(at int) *node {
	chomping := p.rest[1:]
	if chomping != "" && chomping != "-" && chomping != "+" {
		return p.fail()
	}
	n := p.node(scalarNode, p.indent)
	indent := 0
	var text []byte
	end := 0 // of the last line that is not empty, with its line break
	for p.next < len(p.text) {
		line, _, broken := strings.Cut(p.text[p.next:], "\n")
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		blank := spaces == len(line)
		if indent == 0 {
			if blank || spaces <= at {
				return p.fail()
			}
			indent = spaces
		}
		if !blank && spaces < indent {
			break
		}
		if !broken {
			return p.fail()
		}
		p.next += len(line) + 1
		p.line++
		text = append(append(text, line[min(indent, len(line)):]...), '\n')
		if len(line) > indent {
			end = len(text)
		}
	}
	if indent == 0 {
		return p.fail()
	}
	switch chomping {
	case "":
		text = text[:end]
	case "-":
		text = text[:end-1]
	}
	n.scalar, n.isText = string(text), true
	p.advance()
	return n
}
