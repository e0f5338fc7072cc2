package main

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// placed gives problems with the positions of their fields, where objects say where they
// come from, sorted. The translator knows no files.
func placed(problems []api.Problem, object func(api.Key) *api.Object) []api.Problem {
	out := slices.Clone(problems)
	place := func(at *api.Position, key api.Key, path string) {
		if *at != (api.Position{}) || key == (api.Key{}) {
			return
		}
		if o := object(key); o != nil && o.Origin != nil {
			*at = o.Origin.At(path)
		}
	}
	for i := range out {
		p := &out[i]
		place(&p.Position, p.Object, p.Path)
		place(&p.Other.Position, p.Other.Object, p.Other.Path)
	}
	slices.SortFunc(out, api.Problem.Compare)
	return out
}
