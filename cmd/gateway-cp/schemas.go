package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// schemaFlags say which schemas objects are checked against.
type schemaFlags struct {
	mode    string   // strict or off
	crds    []string // files, folders and globs
	channel string
	unknown string
}

func (f *schemaFlags) register(cmd *cobra.Command) {
	enumFlag(cmd, &f.mode, "schema", "", "check all objects against the schemas of their kinds, or only those that serve reads", "strict", "off")
	cmd.Flags().StringSliceVar(&f.crds, "crd", nil, "file, directory or glob with CustomResourceDefinitions to check against; those among the manifests count as well")
	enumFlag(cmd, &f.channel, "gateway-api", "", "channel of the Gateway API whose kinds and fields there are", string(schema.Experimental), string(schema.Standard))
	enumFlag(cmd, &f.unknown, "unknown-kinds", "", "what to make of kinds that have no schema", string(schema.Warn), string(schema.Refuse), string(schema.Skip))
}

// schemas checks the objects that files.Load shows to its visit. Nil checks nothing.
type schemas struct {
	checker *schema.Checker
	given   []api.Problem // of the files with CRDs
}

// start reads the CRDs that are handed in. It fails when there are none where there should be.
func (f *schemaFlags) start(skip func(string) bool) (*schemas, error) {
	if f.mode == "off" {
		return nil, nil
	}
	s := &schemas{checker: schema.New(schema.Options{Channel: schema.Channel(f.channel), Unknown: schema.Unknown(f.unknown)})}
	for _, pattern := range f.crds {
		paths, err := expandPaths([]string{pattern})
		if err == nil {
			_, err = os.Stat(paths[0])
		}
		if err != nil {
			return nil, withHint(usagef("--crd %s: there is no such file", pattern), "give a file, a directory or a glob; URLs are not read")
		}
		var defined atomic.Int32
		loaded, err := files.Load(files.LoadOptions{Skip: skip, Visit: func(d files.Document) {
			if d.GVK.Kind == "CustomResourceDefinition" {
				defined.Add(1)
				s.checker.Define(schema.Object(d))
			}
		}}, paths...)
		if err != nil {
			return nil, cannotf("%w", err)
		}
		unread := slices.DeleteFunc(loaded.Problems, func(p api.Problem) bool {
			return p.Reason != api.ReasonInvalidYAML && p.Reason != api.ReasonFileUnreadable && p.Reason != api.ReasonFileTooLarge
		})
		if defined.Load() == 0 && len(unread) == 0 {
			return nil, withHint(usagef("--crd %s: there is no CustomResourceDefinition in it", pattern), "manifests to check are paths without --crd")
		}
		s.given = append(s.given, unread...)
	}
	return s, nil
}

// visit is for files.LoadOptions.
func (s *schemas) visit(d files.Document) {
	if s != nil {
		s.checker.Visit(schema.Object(d))
	}
}

// add gives what reading the files found, and what the schemas say besides: where both speak of
// the same field, the former knows better. That serve does not read a kind is no news here.
func (s *schemas) add(loaded []api.Problem) []api.Problem {
	if s == nil {
		return loaded
	}
	said := newSaidFields(loaded)
	problems := slices.Clone(s.given)
	for _, p := range loaded {
		if p.Reason != api.ReasonUnknownKind {
			problems = append(problems, p)
		}
	}
	for _, p := range s.checker.Problems() {
		if !said.have(&p) {
			problems = append(problems, p)
		}
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return withoutMisspelt(slices.Compact(problems))
}

var didYouMean = regexp.MustCompile(`^did you mean "([^"]+)"\?`)

// withoutMisspelt leaves out what is missing only because it is misspelt: each field of an unknown name that was
// most likely meant for another accounts for one that is missing behind it in the file.
func withoutMisspelt(problems []api.Problem) []api.Problem {
	type place struct {
		file   string
		object api.Key
		path   string
	}
	misspelt := make(map[place][]int) // lines
	for _, p := range problems {
		m := didYouMean.FindStringSubmatch(p.Hint)
		if p.Reason != api.ReasonUnknownField || m == nil {
			continue
		}
		in := p.Path[:max(strings.LastIndexAny(p.Path, ".["), 0)]
		for _, path := range []string{in, in + "." + m[1]} { // where one of several is missing, the object is named
			at := place{p.Position.File, p.Object, path}
			misspelt[at] = append(misspelt[at], p.Position.Line)
		}
	}
	return slices.DeleteFunc(problems, func(p api.Problem) bool {
		at := place{p.Position.File, p.Object, p.Path}
		i := slices.IndexFunc(misspelt[at], func(line int) bool { return line >= p.Position.Line })
		if p.Reason != api.ReasonMissingField || i < 0 {
			return false
		}
		misspelt[at] = slices.Delete(misspelt[at], i, i+1)
		return true
	})
}
