package files

import (
	"fmt"
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// problems gives all problems there are now, sorted.
func (s *set) problems() []api.Problem {
	problems := slices.Clone(s.treeProbs)
	for path := range s.troubled {
		c := s.files[path]
		if c.problem != nil {
			problems = append(problems, *c.problem)
		}
		problems = append(problems, c.decoded.problems...)
		for i := range c.decoded.entries {
			problems = append(problems, c.decoded.entries[i].problems...)
		}
	}
	for key := range s.twice {
		problems = append(problems, s.duplicates(key)...)
	}
	for key := range s.stale {
		problems = append(problems, s.lastGood(key, s.claims[key][0].entry.place.start()))
	}
	if s.gone == "" {
		for key := range s.kept {
			if file := s.live[key].file; s.unclear(file) {
				problems = append(problems, s.lastGood(key, s.whereUnclear(file)))
			}
		}
	}
	if held, ok := s.held(); ok {
		problems = append(problems, held)
	} else if s.gone != "" {
		problems = append(problems, api.Problem{
			Reason: api.ReasonFileUnreadable, Severity: api.Error, Message: "the directory cannot be read: " + s.gone,
			Hint: "bring it back", Position: api.Position{File: s.dir},
		})
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return slices.Compact(problems)
}

func (s *set) duplicates(key api.Key) []api.Problem {
	var problems []api.Problem
	claims := s.claims[key]
	inEffect, others := claims[0].entry.place.start(), claims[1:]
	if s.kept[key] {
		inEffect, others = s.live[key].origin.At(""), claims
	}
	for _, c := range others {
		if c.entry.guess {
			continue
		}
		problems = append(problems, api.Problem{
			Object: key, Reason: api.ReasonDuplicateObject, Severity: api.Error,
			Message:  fmt.Sprintf("the object is already in %s; only that one counts", inEffect),
			Hint:     "remove or rename one of the two",
			Position: c.entry.place.start(),
		})
	}
	return problems
}

func (s *set) lastGood(key api.Key, at api.Position) api.Problem {
	return api.Problem{
		Object: key, Reason: api.ReasonLastGoodInEffect, Severity: api.Warning,
		Message:  "the last good version of the object stays in effect",
		Hint:     "fix the errors here, or remove the object to delete it",
		Position: at,
	}
}

// whereUnclear gives the place of what makes a file unclear.
func (s *set) whereUnclear(path string) api.Position {
	if c := s.files[path]; c != nil && c.problem == nil {
		for _, p := range c.decoded.problems {
			if p.Severity == api.Error {
				return p.Position
			}
		}
	}
	return api.Position{File: path}
}
