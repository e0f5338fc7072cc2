package files

// flow reads a list or map in brackets that ends in this line, of scalars that need no second
// look.
func (p *simple) flow(start, depth int) (n *node, end int) {
	if depth > 10 {
		return p.fail(), start
	}
	isMap, closing := p.rest[start] == '{', byte(']')
	n = p.node(listNode, p.indent+start)
	if isMap {
		n.kind, closing = mapNode, '}'
	} else {
		n.items = []*node{}
	}
	for at := p.spaces(start + 1); at < len(p.rest); at = p.spaces(at) {
		if p.rest[at] == closing {
			return n, at + 1
		}
		var f field
		if isMap {
			f.line, f.column = p.line, p.indent+at+1
			if f.name, at = p.flowName(at); p.failed {
				return n, at
			}
			if among(n.fields, f.name) {
				return p.fail(), at
			}
		}
		if f.value, at = p.flowValue(at, depth); p.failed {
			return n, at
		}
		if isMap {
			n.fields = append(n.fields, f)
		} else {
			n.items = append(n.items, f.value)
		}
		if at = p.spaces(at); at < len(p.rest) && p.rest[at] == ',' {
			at++
		} else if at == len(p.rest) || p.rest[at] != closing {
			break
		}
	}
	return p.fail(), start
}

func (p *simple) spaces(at int) int {
	for at < len(p.rest) && p.rest[at] == ' ' {
		at++
	}
	return at
}

// flowName reads a field's name and the colon and space after it.
func (p *simple) flowName(at int) (name string, next int) {
	if end := p.quotedEnd(at); end > 0 {
		name, next = p.rest[at+1:end-1], end
	} else {
		next = at + len(flowWord(p.rest[at:]))
		name = p.rest[at:next]
		if s, err := resolvePlain(name); err != nil || s.tag != "!!str" {
			p.fail()
			return "", at
		}
	}
	if len(p.rest) < next+2 || p.rest[next:next+2] != ": " || len(name) > maxKey {
		p.fail()
	}
	return p.own(name), p.spaces(next + 1)
}

func (p *simple) flowValue(at, depth int) (*node, int) {
	if at == len(p.rest) {
		return p.fail(), at
	}
	if c := p.rest[at]; c == '[' || c == '{' {
		return p.flow(at, depth+1)
	}
	if end := p.quotedEnd(at); end > 0 {
		return p.quotedNode(at, end), end
	}
	word := flowWord(p.rest[at:])
	if word == "" {
		return p.fail(), at
	}
	return p.plainNode(at, word), at + len(word)
}

// flowWord gives the letters and digits, and what is harmless between them, that a text begins
// with.
func flowWord(s string) string {
	i := 0
	for i < len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || i > 0 && (c == '.' || c == '-' || c == '_' || c == '/')) {
			break
		}
		i++
	}
	return s[:i]
}
