package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// expandPaths gives the files and directories that paths name. A path that does not exist is
// taken for a glob, as shells write them, ** included; one that matches nothing is wrong usage.
// Of what a glob without an extension (manifests/**) finds, only manifests are taken; hidden
// files never are, and links are not followed on the way.
func expandPaths(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		if path == "-" {
			out = append(out, path)
			continue
		}
		if path == "" {
			return nil, withHint(usagef("a path is empty"), "a variable of the shell may be empty; a dot is the working directory")
		}
		if !isGlob(path) {
			out = append(out, path) // readPaths says when it is not there
			continue
		}
		found, err := doublestar.FilepathGlob(path, doublestar.WithNoFollow(), doublestar.WithNoHidden())
		if err != nil {
			return nil, usagef("%s: %w", path, err)
		}
		before := len(out)
		for _, f := range found {
			if filepath.Ext(path) != "" || isManifestFile(f) {
				out = append(out, f)
			}
		}
		if len(out) == before {
			return nil, withHint(usagef("%s: no file matches", path), "* stays within a directory, ** crosses them")
		}
	}
	return out, nil
}

// isGlob says whether a path is taken for a glob: nothing is there that has it as its name.
func isGlob(path string) bool {
	_, err := os.Lstat(path)
	return err != nil && strings.ContainsAny(path, "*?[{")
}

// isManifestFile says whether a path that a glob has found is a file named like a manifest. The
// directories that ** finds are left out, for what is in them is found as well.
func isManifestFile(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		info, err := os.Stat(path)
		return err == nil && info.Mode()&fs.ModeDir == 0
	}
	return false
}
