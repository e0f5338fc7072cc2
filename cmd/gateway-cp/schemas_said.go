package main

import (
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// saidFields knows the fields that reading has found an error in, so that what the schemas say of the
// same fault is not told as well: they often say it of the list, or the object, that the field is in.
type saidFields struct {
	exact map[saidField]bool
	above map[saidField]bool
}

type saidField struct {
	file   string
	object api.Key
	path   string
}

// saidAbove is how many levels above a field a rule of a schema may stand that is about it, such as
// spec.listeners for spec.listeners[1].name. What else it hides comes to light once the field is corrected.
const saidAbove = 2

func newSaidFields(read []api.Problem) *saidFields {
	s := &saidFields{exact: make(map[saidField]bool), above: make(map[saidField]bool)}
	for _, p := range read {
		if p.Severity != api.Error {
			continue
		}
		at := fieldOf(&p)
		s.exact[at] = true
		for range saidAbove {
			i := strings.LastIndexByte(at.path, '.')
			if i < 0 {
				break
			}
			at.path = at.path[:i]
			s.above[at] = true
		}
	}
	return s
}

// have says whether a problem that the schemas found has been said.
func (s *saidFields) have(p *api.Problem) bool {
	at := fieldOf(p)
	return s.exact[at] || s.above[at] && p.Reason == api.ReasonInvalidField
}

// fieldOf writes the path with dots only, as keys of maps and indices are written in several ways.
func fieldOf(p *api.Problem) saidField {
	return saidField{p.Position.File, p.Object, dotted.Replace(p.Path)}
}

var dotted = strings.NewReplacer(`["`, ".", `"]`, "", "[", ".", "]", "")
