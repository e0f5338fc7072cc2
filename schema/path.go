package schema

import (
	"strconv"
	"strings"
)

// path is a field, as a chain of steps towards the object. It is only written out for problems.
type path struct {
	up    *path
	name  string
	index int  // where there is no name
	key   bool // the name is a key of a map with any keys
	level level
}

func (p *path) field(name string) *path { return &path{up: p, name: name} }
func (p *path) item(i int) *path        { return &path{up: p, index: i} }
func (p *path) at(key string) *path     { return &path{up: p, name: key, key: true} }

// String writes the path as api.Problem.Path is written.
func (p *path) String() string {
	if p == nil || p.up == nil {
		return ""
	}
	before := p.up.String()
	switch {
	case p.name == "" && !p.key:
		return before + "[" + strconv.Itoa(p.index) + "]"
	case strings.ContainsAny(p.name, `[]"`):
		return before + "[" + strconv.Quote(p.name) + "]"
	case p.key || strings.ContainsAny(p.name, "./ "):
		return before + "[" + p.name + "]"
	case before == "":
		return p.name
	}
	return before + "." + p.name
}
