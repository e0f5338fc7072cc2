package lint

import (
	"github.com/gateway-cp/gateway-cp/api"
)

// checker is what the checks share: the objects, found in the ways they are asked for, and the
// problems found so far.
type checker struct {
	World
	options  Options
	objects  map[api.Key]*api.Object
	patterns *patterns
	hosts    []virtualHost // of routing
	problems []api.Problem
}

func newChecker(w World, o Options) *checker {
	c := &checker{World: w, options: o, patterns: newPatterns(), objects: make(map[api.Key]*api.Object, len(w.Objects))}
	for _, object := range w.Objects {
		c.objects[object.Key] = object
	}
	return c
}

// add takes a problem in, with its positions, unless its reason is turned off.
func (c *checker) add(p api.Problem) {
	if c.options.Off[p.Reason] {
		return
	}
	p.Position = c.position(p.Object, p.Path)
	if p.Other.Position == (api.Position{}) {
		p.Other.Position = c.position(p.Other.Object, p.Other.Path)
	}
	c.problems = append(c.problems, p)
}

func (c *checker) position(k api.Key, path string) api.Position {
	if o := c.objects[k]; o != nil && o.Origin != nil {
		return o.Origin.At(path)
	}
	return api.Position{}
}

// translated takes in what the translator says.
func (c *checker) translated(p api.Problem) {
	c.add(p)
}
