package main

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// placed gives problems with the positions of their fields, where objects say where they
// come from, sorted. The translator knows no files.
func placed(problems []api.Problem, object func(api.Key) *api.Object) []api.Problem {
	out := slices.Clone(problems)
	for i, p := range out {
		if p.Position != (api.Position{}) {
			continue
		}
		if o := object(p.Object); o != nil && o.Origin != nil {
			out[i].Position = o.Origin.At(p.Path)
		}
	}
	slices.SortFunc(out, api.Problem.Compare)
	return out
}
