package main

import (
	"os"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// side is one of the two that are compared.
type side struct {
	name        string // as given
	translation *traffic.Translation
	problems    []api.Problem
	// position finds the places of fields, in the order of the fields.
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

// loadSide reads a side from files, a Git revision or standard input, and translates it.
func loadSide(o worldOptions, text, other string, whole bool) (*side, error) {
	var beside foreign
	options := files.LoadOptions{Stdin: o.Stdin, MaxFileSize: maxManifest, Skip: o.Exclude.skip()}
	if whole {
		options.Visit = beside.visit
	}
	loaded, err := readSide(options, text, other)
	if err != nil {
		return nil, err
	}
	w, err := translateLoaded(loaded, o)
	if err != nil {
		return nil, err
	}
	s := &side{name: text, translation: w.snapshot(), problems: loaded.Problems}
	if whole {
		s.problems = append(beside.judge(loaded), w.wholeSet(&beside, loaded.Problems, time.Now())...)
	} else {
		s.problems = append(s.problems, placed(w.said(), w.object)...)
	}
	s.positions = func(all []traffic.Origin) ([]api.Position, error) {
		at := make([]api.Position, len(all))
		for i, o := range all {
			at[i] = originPosition(w.object, o.Object, o.Path)
		}
		return at, nil
	}
	return s, nil
}

func readSide(o files.LoadOptions, text, other string) (*files.Result, error) {
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
	return readPaths(o, paths)
}
