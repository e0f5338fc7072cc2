package main

import (
	"os"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// side is one of the two that are compared.
type side struct {
	name        string // as given
	translation *traffic.Translation
	problems    []api.Problem
	rollouts    memoryStates // where they stand; nil: a running gateway-cp knows
	// positions finds the places of fields, in the order of the fields.
	positions func([]traffic.Origin) ([]api.Position, error)
}

// otherPath gives the path of a side, for a revision on the other one that has none.
func otherPath(text string) string {
	switch {
	case text == "-" || isLive(text):
		return ""
	case strings.HasPrefix(text, gitPrefix):
		_, path, _ := strings.Cut(strings.TrimPrefix(text, gitPrefix), ":")
		return path
	}
	return text
}

// sideManifests are those of a side, as they were read.
type sideManifests struct {
	*files.Result
	beside foreign
	notes  findings.Notes
	whole  bool // judged as a whole, as validate does
}

// readSide reads a side from files, a Git revision or standard input.
func readSide(o worldOptions, text, other string, whole bool) (*sideManifests, error) {
	m := &sideManifests{whole: whole}
	options := files.LoadOptions{Stdin: o.Stdin, MaxFileSize: maxManifest, Skip: o.Exclude.skip()}
	if whole {
		options.Visit, options.VisitSays = func(d files.Document) { m.beside.visit(d); readAnnotation(&m.notes, d) }, true
		options.Text = m.notes.ReadFile
	}
	var err error
	m.Result, err = load(options, text, other)
	return m, err
}

// side translates the manifests.
func (m *sideManifests) side(name string, o worldOptions) (*side, error) {
	w, err := translateLoaded(m.Result, o)
	if err != nil {
		return nil, err
	}
	s := &side{name: name, translation: w.snapshot(), problems: m.problems(w), rollouts: w.rollouts}
	s.positions = func(all []traffic.Origin) ([]api.Position, error) {
		at := make([]api.Position, len(all))
		for i, o := range all {
			at[i] = originPosition(w.object, o.Object, o.Path)
		}
		return at, nil
	}
	return s, nil
}

func (m *sideManifests) problems(w *world) []api.Problem {
	if !m.whole {
		return append(m.Problems, placed(w.said(), w.object)...)
	}
	all := append(m.beside.judge(m.Result), wholeSet(w.Objects, &m.beside, m.Problems, time.Now(), func() *world { return w })...)
	kept, _ := m.notes.Apply(findings.New(all))
	problems := make([]api.Problem, len(kept))
	for i := range kept {
		problems[i] = kept[i].Problem
	}
	return problems
}

func load(o files.LoadOptions, text, other string) (*files.Result, error) {
	if strings.HasPrefix(text, gitPrefix) {
		if isGlob(other) && otherPath(text) == "" {
			return nil, withHint(usagef("%s: which path of the revision is compared with %s?", text, other), "write it behind the revision: git:main:manifests")
		}
		g, err := parseGit(text, other)
		if err != nil {
			return nil, err
		}
		return g.load(o)
	}
	paths := []string{text}
	if isGlob(text) {
		found, err := expandPaths(paths)
		if err != nil {
			return nil, cannotf("%w", err)
		}
		paths = found
	} else if text != "-" {
		if _, err := os.Stat(text); err != nil {
			return nil, cannotf("%s: %w", text, unwrapPath(err))
		}
	}
	return readGiven(o, paths)
}
