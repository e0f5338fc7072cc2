package findings

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// Finding is a problem as it is shown: with the line that it is about and the page that
// explains it. The zero value of everything but Problem is fine.
type Finding struct {
	api.Problem
	// Source is the file that the one in Position was made from, such as the template of a
	// Helm chart; empty when that is not known.
	Source string `json:"source,omitempty"`
	// Snippet is the line at Position; nil when it is not known. Texts.Complete fills it in.
	Snippet *Snippet `json:"snippet,omitempty"`
	// Related are other places that have to do with it, such as the object that wins.
	Related []Related `json:"related,omitempty"`
	// Page is the URL of the page about the reason; empty when there is none.
	Page string `json:"page,omitempty"`
	// Fingerprint stays the same while lines move. Fingerprints fills it in.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Case is the test that the finding is the failure of; empty: the file.
	Case string `json:"case,omitempty"`
}

// Related is another place that has to do with a finding.
type Related struct {
	Position api.Position `json:"position"`
	Message  string       `json:"message"`
}

// pages is where the pages of the reasons are.
const pages = "https://github.com/gateway-cp/gateway-cp/blob/main/docs/problems/"

// New makes findings of problems, in the order of the problems.
func New(problems []api.Problem) []Finding {
	list := make([]Finding, len(problems))
	for i, p := range problems {
		list[i] = Of(p)
	}
	return list
}

// Of makes a finding of one problem.
func Of(p api.Problem) Finding {
	f := Finding{Problem: p}
	if _, known := api.Explain(p.Reason); known {
		f.Page = pages + string(p.Reason) + ".md"
	}
	if p.Other.Position != (api.Position{}) {
		f.Related = []Related{{Position: p.Other.Position, Message: p.Other.Object.String()}}
	}
	return f
}

// objectName names an object, which may have no name.
func objectName(k api.Key) string {
	if k.Name == "" {
		return string(k.Kind)
	}
	return k.String()
}

// Sort orders findings by position, object, path, reason and message.
func Sort(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int { return a.Problem.Compare(b.Problem) })
}

// Count gives how many findings have each severity.
func Count(list []Finding) (errors, warnings, infos int) {
	for i := range list {
		switch list[i].Severity {
		case api.Error:
			errors++
		case api.Warning:
			warnings++
		default:
			infos++
		}
	}
	return errors, warnings, infos
}
