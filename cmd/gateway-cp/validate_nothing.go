package main

import (
	"slices"

	"github.com/gateway-cp/gateway-cp/api"
)

// emptyStdin is what all commands say of it.
const (
	emptyStdin     = "standard input is empty"
	emptyStdinHint = "see whether the command before the pipe has failed; in a shell, set -o pipefail tells"
)

// nothing says that there was nothing to check: a pipe whose first command has failed, or a path
// that is not the one that was meant, must not pass as manifests without a fault.
func (v *validation) nothing(paths []string) []api.Problem {
	p := api.Problem{Reason: api.ReasonNoObjects}
	switch {
	case slices.Contains(paths, "-") && len(v.stdin) == 0 && !slices.ContainsFunc(v.problems, ofStdin):
		p.Severity, p.Position.File = api.Error, "-"
		p.Message, p.Hint = emptyStdin, emptyStdinHint
	case v.objects+len(v.problems) == 0:
		p.Severity, p.Position.File = api.Warning, paths[0]
		p.Message = "there are no objects in what is checked"
		p.Hint = "check the paths: in a directory, files are read that end in .yaml, .yml or .json and are not hidden"
	default:
		return nil
	}
	return []api.Problem{p}
}

func ofStdin(p api.Problem) bool { return p.Position.File == "-" }
