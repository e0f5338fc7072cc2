package files

import (
	"strconv"
	"strings"
)

// content gives an object as its JSON decodes to, with whole numbers as int64; nil where only
// decoding that tells what is wrong with it. It is gone once the arena has been looked at.
func (n *node) content(in *arena) map[string]any {
	value, ok := n.decode(in)
	object, _ := value.(map[string]any)
	if !ok {
		return nil
	}
	return object
}

// decode gives the value of a node. It is false where a number is too large.
func (n *node) decode(in *arena) (value any, ok bool) {
	switch n.kind {
	case mapNode:
		object := in.object(len(n.fields))
		for i := range n.fields {
			if object[n.fields[i].name], ok = n.fields[i].value.decode(in); !ok {
				return nil, false
			}
		}
		return object, true
	case listNode:
		list := in.values.take(len(n.items))
		for i, item := range n.items {
			if list[i], ok = item.decode(in); !ok {
				return nil, false
			}
		}
		return list, true
	}
	return n.decodeScalar()
}

func (n *node) decodeScalar() (value any, ok bool) {
	if n.isText {
		return n.scalar, true
	}
	switch n.scalar {
	case "null":
		return nil, true
	case "true":
		return true, true
	case "false":
		return false, true
	}
	if !strings.Contains(n.scalar, ".") {
		if i, err := strconv.ParseInt(n.scalar, 10, 64); err == nil {
			return i, true
		}
	}
	f, err := strconv.ParseFloat(n.scalar, 64)
	return f, err == nil
}
