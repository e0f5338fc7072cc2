package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// validation is what checking the manifests has found.
type validation struct {
	problems []api.Problem
	objects  int
	files    []string // that were read, sorted
	notes    findings.Notes
	stdin    []byte // the text of standard input, if it was read
	edited   map[string][]byte
}

// maxManifest is how large a file may be that is read, in bytes: 16 MiB.
const maxManifest = 16 << 20

// validate reads all paths once, checks every object by itself and all of them together, and has
// Envoy look at the translation when that is asked for.
func validate(cmd *cobra.Command, c *validateConfig, progress *progress) (*validation, error) {
	paths, err := expandPaths(c.paths)
	if err != nil {
		return nil, err
	}
	skip := c.exclude.skip()
	schemas, err := c.schemas.start(skip)
	if err != nil {
		return nil, err
	}
	v := &validation{edited: c.edited}
	beside := &foreign{}
	reading := &reader{v: v, progress: progress}
	visit := func(d files.Document) {
		schemas.visit(d)
		beside.visit(d)
		reading.object(d)
	}
	loaded, err := readPaths(files.LoadOptions{Stdin: cmd.InOrStdin(), MaxFileSize: maxManifest, Visit: visit, VisitSays: schemas != nil, Text: reading.text, Edited: c.edited, Skip: skip}, paths)
	if err != nil {
		return nil, err
	}
	reading.done()
	progress.say("checking %d objects", v.objects)
	translated := sync.OnceValues(func() (*world, error) { return translateLoaded(loaded, worldOptions{}) })
	go func() { _, _ = translated() }() // while all is looked at that needs no translation
	v.problems = schemas.add(beside.judge(loaded))
	all := slices.Concat(loaded.Problems, v.problems)
	v.problems = append(v.problems, wholeSet(loaded.Objects, beside, all, time.Now(), func() *world {
		w, _ := translated()
		return w
	})...)
	w, err := translated()
	if err != nil {
		return nil, err
	}
	if c.envoy != "" {
		progress.say("asking Envoy")
		refused, err := checkWithEnvoy(cmd.Context(), c.envoy, w.snapshot(), func(format string, args ...any) {
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		})
		if err != nil {
			return nil, err
		}
		v.problems = append(v.problems, placed(refused, w.object)...)
	}
	slices.SortFunc(v.problems, api.Problem.Compare)
	return v, nil
}

// reader takes what files.Load shows, from several goroutines.
type reader struct {
	v        *validation
	progress *progress
	objects  atomic.Int64
	lock     sync.Mutex
}

func (r *reader) text(file string, text []byte) {
	r.v.notes.ReadFile(file, text)
	r.lock.Lock()
	defer r.lock.Unlock()
	if file == "-" {
		r.v.stdin = bytes.Clone(text)
	}
	r.v.files = append(r.v.files, file)
}

func (r *reader) object(d files.Document) {
	r.progress.say("reading, %d objects", r.objects.Add(1))
	readAnnotation(&r.v.notes, d)
}

// readAnnotation takes what an object's annotation silences.
func readAnnotation(notes *findings.Notes, d files.Document) {
	if !bytes.Contains(d.JSON, []byte(findings.IgnoreAnnotation)) {
		return
	}
	var o struct {
		Metadata struct {
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(d.JSON, &o) // what is wrong with it is said elsewhere
	if value, ok := o.Metadata.Annotations[findings.IgnoreAnnotation].(string); ok {
		notes.ReadAnnotation(d.Key, value, d.Origin.At(`metadata.annotations["`+findings.IgnoreAnnotation+`"]`))
	}
}

func (r *reader) done() {
	slices.Sort(r.v.files)
	r.v.objects = int(r.objects.Load())
}

// read gives the text of a file by its name in positions.
func (v *validation) read(file string) ([]byte, error) {
	if file == "-" {
		return v.stdin, nil
	}
	if len(v.edited) > 0 {
		if real, err := filepath.EvalSymlinks(file); err == nil && v.edited[real] != nil {
			return v.edited[real], nil
		}
	}
	return files.ReadText(file, maxManifest)
}

// report makes findings of the problems: without those that are silenced or known.
func (v *validation) report(cmd *cobra.Command, c *validateConfig) (*findings.Report, error) {
	r := &findings.Report{Objects: v.objects, Cases: v.files}
	list, silenced := v.notes.Apply(findings.New(v.problems))
	r.Suppressed = silenced
	list = append(list, findings.New(v.notes.Problems(c.unchecked))...)
	list = c.report.severities.Apply(list)
	findings.Sort(list)
	texts := findings.Texts{Read: v.read}
	texts.Complete(list)
	findings.Fingerprints(list)
	r.Findings = list
	return r, c.useBaseline(cmd, r)
}
