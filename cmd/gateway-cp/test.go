package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/findings"
	"github.com/gateway-cp/gateway-cp/policy"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// testConfig is what test's flags say.
type testConfig struct {
	world  worldOptions
	viewer traffic.Viewer
	report reportFlags
	run    string
	now    string
	list   bool
}

func newTestCommand() *cobra.Command {
	var c testConfig
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Check what manifests do with traffic against expectations beside them",
		Long: `Test reads manifests as serve would, and test files (*` + policy.Extension + `) beside them, and checks that requests
go where the tests say: one request, all routes of a Gateway, or expressions in CEL. It needs neither a
cluster nor an Envoy.

PATH is a file, a directory, a glob or - for manifests on standard input. All paths are one set of
manifests. Test files are never sent anywhere: kubectl, GitOps tools and gateway-cp serve do not take them
for manifests. An error in the manifests is a failure, too: what it concerns would have no effect.

It exits with 0 when everything holds, 1 when something does not, 2 when a path is not there or there is
no test to run, 3 when it could not run.`,
		Example: `  gateway-cp test manifests
  gateway-cp test manifests tests/shop.traffictest
  kustomize build . | gateway-cp test - tests
  gateway-cp test manifests --run 'canary' -o junit --output-file report.xml
  gateway-cp test manifests --now 2026-11-27T12:00:00Z`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error { return runTests(cmd, &c, args) },
	}
	f := cmd.Flags()
	addWorldFlags(cmd, &c.world)
	f.StringVar(&c.viewer.Zone, "zone", "", "zone that the Envoys are in")
	f.StringVar(&c.viewer.Node, "node", "", "Kubernetes node that the Envoys stand on")
	f.StringVar(&c.run, "run", "", "only tests whose name (SUITE/TEST) this regular `expression` matches somewhere")
	f.StringVar(&c.now, "now", "", "`time` that expressions are told, as 2026-11-27T12:00:00Z (default: it is)")
	f.BoolVar(&c.list, "list", false, "print the names of the tests, and run none")
	_ = f.SetAnnotation("list", commandLineOnly, nil)
	c.report.register(cmd)
	return cmd
}

// runTests runs the tests of the paths.
func runTests(cmd *cobra.Command, c *testConfig, paths []string) error {
	chosen, err := regexp.Compile(c.run)
	if err != nil {
		return usagef("--run: %w", err)
	}
	now := time.Now()
	if c.now != "" {
		if now, err = time.Parse(time.RFC3339, c.now); err != nil {
			return withHint(usagef("--now: %q is no time", c.now), "write 2026-11-27T12:00:00Z")
		}
	}
	if paths, err = expandPaths(paths); err != nil {
		return err
	}
	suites, err := readSuites(paths, c.world.Exclude.skip())
	if err != nil {
		return err
	}
	tests := suites.matching(chosen)
	if c.list && len(tests) > 0 {
		for _, t := range tests {
			fmt.Fprintln(cmd.OutOrStdout(), t.FullName())
		}
		return nil
	}
	loaded, err := c.load(cmd, suites)
	if err != nil {
		return err
	}
	if len(suites.problems) == 0 && len(tests) == 0 {
		if len(suites.tests) > 0 {
			return withHint(usagef("--run: no test has a name like %q", c.run), "gateway-cp test --list prints the names")
		}
		return withHint(usagef("there is no test file (*%s) in %s", policy.Extension, strings.Join(paths, ", ")), "docs/policy-tests.md shows one")
	}
	report, err := c.check(suites, loaded, tests, now)
	if err != nil {
		return err
	}
	return c.report.print(cmd, report)
}

// suites are the test files of some paths.
type suites struct {
	manifests []string // the paths that are none
	tests     []*policy.Test
	lock      sync.Mutex
	problems  []api.Problem
	texts     map[string][]byte
	stdin     *rereader // nil: it is not read
}

// matching gives the tests whose name an expression matches.
func (s *suites) matching(chosen *regexp.Regexp) []*policy.Test {
	var tests []*policy.Test
	for _, t := range s.tests {
		if chosen.MatchString(t.FullName()) {
			tests = append(tests, t)
		}
	}
	return tests
}

// readSuites reads the test files among paths, and in directories among them.
func readSuites(paths []string, skip func(string) bool) (*suites, error) {
	s := &suites{texts: map[string][]byte{}}
	var within []string
	for _, path := range paths {
		switch {
		case path != "-" && filepath.Ext(path) == policy.Extension && !isDirectory(path):
			if skip != nil && skip(path) {
				continue
			}
			if info, err := os.Stat(path); err != nil {
				return nil, usagef("%s: %w", path, unwrapPath(err))
			} else if !info.Mode().IsRegular() {
				return nil, usagef("%s: it is not a regular file", path) // a pipe would be waited for
			}
			s.read(filepath.Clean(path))
		case path == "-":
			s.manifests = append(s.manifests, path)
		default:
			s.manifests = append(s.manifests, path)
			within = append(within, path)
		}
	}
	if err := existing(within); err != nil {
		return nil, err
	}
	found, problems, err := files.Find(policy.Extension, skip, within...)
	if err != nil {
		return nil, cannotf("%w", err)
	}
	s.problems = append(s.problems, problems...)
	for _, file := range found {
		s.read(file)
	}
	return s, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// read reads a test file, once. One that cannot be read is a problem, and the others are run.
func (s *suites) read(file string) {
	if _, again := s.texts[file]; again {
		return
	}
	text, err := files.ReadText(file, maxManifest)
	s.texts[file] = text
	if err != nil {
		s.problems = append(s.problems, api.Problem{
			Reason: api.ReasonFileUnreadable, Severity: api.Error, Message: "cannot be read: " + unwrapPath(err).Error(),
			Hint: "check its permissions, and that it is text in UTF-8", Position: api.Position{File: file},
		})
		return
	}
	found, problems := policy.Parse(file, text)
	s.problems = append(s.problems, problems...)
	for _, suite := range found {
		s.tests = append(s.tests, suite.Tests...)
	}
}

// check runs tests, and reports what fails: also what is wrong with the manifests and the files.
func (c *testConfig) check(s *suites, loaded *files.Result, tests []*policy.Test, now time.Time) (*findings.Report, error) {
	w, err := newWorld(loaded, c.world)
	if err != nil {
		return nil, err
	}
	held, err := c.heldAgainst(w, now)
	if err != nil {
		return nil, err
	}
	r := &findings.Report{Objects: len(w.Objects)}
	failed, said := 0, map[api.Problem]bool{} // a directory that cannot be listed is one problem
	for _, p := range slices.Concat(s.problems, w.Problems) {
		if p.Severity == api.Error && !said[p] {
			said[p] = true
			r.Findings = append(r.Findings, findings.Of(p))
		}
	}
	wrong := len(r.Findings)
	for _, t := range tests {
		r.Cases = append(r.Cases, t.FullName())
		problems := policy.Run(t, held)
		if len(problems) > 0 {
			failed++
		}
		for _, p := range problems {
			f := findings.Of(p)
			f.Case = t.FullName()
			r.Findings = append(r.Findings, f)
		}
	}
	r.Summary = fmt.Sprintf("%s, %d failed", plural(len(tests), "test"), failed)
	if wrong > 0 {
		r.Summary += fmt.Sprintf("; %s in manifests and test files", plural(wrong, "error"))
	}
	r.Findings = c.report.severities.Apply(r.Findings)
	texts := findings.Texts{Read: s.reader()}
	texts.Complete(r.Findings)
	findings.Fingerprints(r.Findings)
	return r, nil
}

// load reads the manifests. A test among them would not be run: that is a problem.
func (c *testConfig) load(cmd *cobra.Command, s *suites) (*files.Result, error) {
	options := files.LoadOptions{MaxFileSize: maxManifest, Skip: c.world.Exclude.skip(), Visit: s.misplaced}
	if slices.Contains(s.manifests, "-") {
		s.stdin = &rereader{from: cmd.InOrStdin()}
		options.Stdin = s.stdin
	}
	return readPaths(options, s.manifests)
}

// misplaced notes a test in a manifest. It is called by several goroutines.
func (s *suites) misplaced(d files.Document) {
	hint := api.TestHint(d.GVK)
	if hint == "" {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.problems = append(s.problems, api.Problem{Object: d.Key, Path: "kind", Reason: api.ReasonInvalidTest, Severity: api.Error,
		Message: "this test is in a file of manifests, and is not run", Hint: hint, Position: d.Origin.At("kind")})
}

// rereader remembers what is read from it, which is read a second time where it is shown.
type rereader struct {
	from io.Reader
	text bytes.Buffer
}

func (r *rereader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.text.Write(b[:n])
	return n, err
}

// reader gives the text of files by their names in positions.
func (s *suites) reader() func(string) ([]byte, error) {
	return func(file string) ([]byte, error) {
		if text, ok := s.texts[file]; ok {
			return text, nil
		}
		if s.stdin != nil && file == "-" {
			return s.stdin.text.Bytes(), nil
		}
		return files.ReadText(file, maxManifest)
	}
}

// heldAgainst is what the tests are held against.
func (c *testConfig) heldAgainst(w *world, now time.Time) (*policy.World, error) {
	held := &policy.World{Services: map[string]policy.Service{}, Rollouts: map[string]policy.Rollout{}, Ports: map[string][]string{}, Now: now}
	held.Place = func(o *traffic.Origin) { o.Position = originPosition(w.object, o.Object, o.Path) }
	snapshot := w.snapshot()
	fleets := snapshot.Fleets()
	if len(fleets) == 0 {
		fleets = []string{v1alpha1.DefaultFleet}
	}
	for _, fleet := range fleets {
		of := c.viewer
		of.Fleet = fleet
		m, err := traffic.Build(snapshot, of)
		if err != nil {
			return nil, cannotf("%w", err)
		}
		held.Models = append(held.Models, m)
		for _, cluster := range m.Clusters {
			if cluster.Service.Name == "" {
				continue
			}
			name := cluster.Service.Namespace + "/" + cluster.Service.Name
			held.Services[name] = policy.Service{Endpoints: max(held.Services[name].Endpoints, cluster.Ready())}
		}
	}
	for _, o := range w.Objects {
		if service, ok := o.Value.(*corev1.Service); ok {
			var ports []string
			for _, p := range service.Spec.Ports {
				ports = append(ports, strconv.Itoa(int(p.Port)))
			}
			held.Ports[o.Key.Namespace+"/"+o.Key.Name] = ports
		}
		if o.Key.Kind != api.KindRollout {
			continue
		}
		if rollout, ok := w.object(o.Key).Value.(*v1alpha1.Rollout); ok {
			r := policy.Rollout{Service: o.Key.Namespace + "/" + rollout.Spec.TargetRef.Name, Weights: map[string]float64{}, Phase: string(rollout.Status.Phase)}
			for _, v := range rollout.Status.Versions {
				r.Weights[v.Name] = float64(v.Weight) / 100
			}
			held.Rollouts[o.Key.Namespace+"/"+o.Key.Name] = r
		}
	}
	return held, nil
}
