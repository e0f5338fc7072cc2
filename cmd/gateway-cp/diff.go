package main

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// compareConfig is what diff's flags say.
type compareConfig struct {
	world  worldOptions
	viewer traffic.Viewer
	xds    bool
	format string
}

func newDiffCommand() *cobra.Command {
	var c compareConfig
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changes for requests between two versions of the manifests",
		Long: `Diff translates OLD and NEW as serve would, asks both where requests go, and says what changes for
traffic: which requests go elsewhere, are redirected, refused, or have other weights, time limits and
headers; also those that a new route takes away from one that did not change. Then the endpoints, listeners
and certificates that change, and the problems that come and go.

OLD and NEW are each one of

  PATH                   a directory, a file or a quoted glob
  -                      standard input
  git:REVISION[:PATH]    a revision of the Git repository here; without PATH, that of the other side
  git:REVISION...[:PATH] the commit where HEAD left REVISION: what a pull request starts from
  live:[SOCKET]          a running gateway-cp: the one that runs, or the one with this admin socket

Objects that are not valid have no effect, as when serve starts with them, and are listed; a gateway-cp
that runs already keeps their last good version. Rollouts of OLD are where a first deployment puts them, or
where --state says they stand; those of NEW go on from there, up to the first step that waits.

It exits with 0 when the two are the same for traffic, 1 when they differ, 2 for wrong usage, 3 when
either cannot be read.`,
		Example: `  gateway-cp diff git:main... manifests
  gateway-cp diff git:v1.4 git:v1.5 --xds
  gateway-cp diff git:main... manifests -o markdown >comment.md
  gateway-cp diff live: manifests
  kustomize build . | gateway-cp diff live: -`,
		Args: exactArgs("OLD", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error { return diff(cmd, &c, args[0], args[1]) },
	}
	f := cmd.Flags()
	addWorldFlags(cmd, &c.world)
	addViewerFlags(f, &c.viewer)
	f.Lookup("fleet").Usage = "only this fleet (default: all)"
	f.BoolVar(&c.xds, "xds", false, "print the Envoy resources that differ as well")
	enumFlag(cmd, &c.format, "output", "o", "output format; markdown is made for a comment on a pull request", "text", "json", "yaml", "markdown")
	return cmd
}

// diffReport is what diff has to say.
type diffReport struct {
	Old       string                `json:"old"`
	New       string                `json:"new"`
	Different bool                  `json:"different"`
	Fleets    []*traffic.Difference `json:"fleets"`
	// NewProblems and GoneProblems are those of one side only.
	NewProblems  []api.Problem `json:"newProblems"`
	GoneProblems []api.Problem `json:"goneProblems"`
	// OldErrors and NewErrors count what has no effect.
	OldErrors int            `json:"oldErrors"`
	NewErrors int            `json:"newErrors"`
	Resources []resourceDiff `json:"resources,omitempty"`
}

// diff compares two sides.
func diff(cmd *cobra.Command, c *compareConfig, old, new string) error {
	if old == "-" && new == "-" {
		return usagef("only one of the two can be standard input")
	}
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	progress.say("reading %s and %s", old, new)
	was, now, err := c.load(cmd, old, new)
	if err != nil {
		return err
	}
	progress.say("comparing")
	r, err := c.compare(was, now)
	if err != nil {
		return err
	}
	progress.stop()
	if err := c.print(cmd, r); err != nil {
		return err
	}
	if r.Different {
		return errProblems
	}
	return nil
}

// load reads both sides at once. Rollouts of the new one go on from where the old one has them: what is
// new in a canary is what its first step sends there.
func (c *compareConfig) load(cmd *cobra.Command, old, new string) (was, now *side, err error) {
	c.world.Stdin = cmd.InOrStdin()
	whole := !isLive(old) && !isLive(new) // a running gateway-cp looks for fewer problems
	names := [...]string{old, new}
	var read [2]*sideManifests
	var sides [2]*side
	var g errgroup.Group
	for i, name := range names {
		g.Go(func() (err error) {
			if isLive(name) {
				sides[i], err = liveSide(cmd.Context(), name)
			} else {
				read[i], err = readSide(c.world, name, otherPath(names[1-i]), whole)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	o := c.world
	for i, m := range read {
		if m == nil {
			continue
		}
		if sides[i], err = m.side(names[i], o); err != nil {
			return nil, nil, err
		}
		o.Rollouts = sides[i].rollouts
	}
	return sides[0], sides[1], nil
}

// compare asks both sides, for each fleet.
func (c *compareConfig) compare(was, now *side) (*diffReport, error) {
	r := &diffReport{Old: was.name, New: now.name, Fleets: []*traffic.Difference{}}
	fleets, err := c.fleets(was, now)
	if err != nil {
		return nil, err
	}
	for _, fleet := range fleets {
		of := c.viewer
		of.Fleet = fleet
		d, err := traffic.Diff(was.translation, now.translation, of)
		if err != nil {
			return nil, cannotf("%w", err)
		}
		r.Different = r.Different || !d.Empty()
		r.Fleets = append(r.Fleets, d)
		if c.xds {
			changes, err := diffResources(was, now, of)
			if err != nil {
				return nil, cannotf("%w", err)
			}
			r.Resources = append(r.Resources, changes...)
		}
	}
	r.problems(was, now)
	r.Different = r.Different || len(r.Resources) > 0 || len(r.NewProblems)+len(r.GoneProblems) > 0
	return r, r.place(was, now)
}

// fleets gives the fleets to compare: those of either side, or the one asked for.
func (c *compareConfig) fleets(was, now *side) ([]string, error) {
	all := slices.Concat(was.translation.Fleets(), now.translation.Fleets(), []string{v1alpha1.DefaultFleet})
	slices.Sort(all)
	all = slices.Compact(all)
	if c.viewer.Fleet == "" {
		return all, nil
	}
	if !slices.Contains(all, c.viewer.Fleet) {
		return nil, withHint(usagef("--fleet: there is no fleet %q on either side", c.viewer.Fleet), "there are %s", strings.Join(all, ", "))
	}
	return []string{c.viewer.Fleet}, nil
}

// problems compares what is wrong with the sides, wherever it stands in the files.
func (r *diffReport) problems(was, now *side) {
	r.NewProblems, r.GoneProblems = onlyIn(now.problems, was.problems), onlyIn(was.problems, now.problems)
	for _, p := range was.problems {
		if p.Severity == api.Error {
			r.OldErrors++
		}
	}
	for _, p := range now.problems {
		if p.Severity == api.Error {
			r.NewErrors++
		}
	}
}

// mentioned are the places that messages speak of. The same ones are written in another way in a Git
// revision, and lines move.
var mentioned = regexp.MustCompile(`[^ ]+\.(ya?ml|json):[0-9:]+|-:[0-9:]+`)

func onlyIn(these, those []api.Problem) []api.Problem {
	type same struct {
		object        api.Key
		path          string
		reason        api.Reason
		message, file string
	}
	key := func(p api.Problem) same {
		k := same{p.Object, p.Path, p.Reason, mentioned.ReplaceAllString(p.Message, "elsewhere"), ""}
		if p.Object == (api.Key{}) { // of a file that cannot be read
			k.file = path.Base(p.Position.File)
		}
		return k
	}
	known := map[same]bool{}
	for _, p := range those {
		known[key(p)] = true
	}
	only := []api.Problem{}
	for _, p := range these {
		if !known[key(p)] {
			only = append(only, p)
		}
	}
	slices.SortFunc(only, api.Problem.Compare)
	return slices.CompactFunc(only, func(a, b api.Problem) bool { return a.Compare(b) == 0 })
}

// place fills in where the fields are.
func (r *diffReport) place(was, now *side) error {
	for _, of := range []struct {
		side  *side
		which func(*traffic.Difference, func(*traffic.Origin))
	}{{was, (*traffic.Difference).EachOldOrigin}, {now, (*traffic.Difference).EachNewOrigin}} {
		var all []*traffic.Origin
		for _, d := range r.Fleets {
			of.which(d, func(o *traffic.Origin) { all = append(all, o) })
		}
		fields := make([]traffic.Origin, len(all))
		for i, o := range all {
			fields[i] = *o
		}
		at, err := of.side.positions(fields)
		if err != nil {
			return err
		}
		for i, o := range all {
			o.Position = at[i]
		}
	}
	return nil
}

func (c *compareConfig) print(cmd *cobra.Command, r *diffReport) error {
	if c.format == "markdown" {
		return writeDiffMarkdown(cmd.OutOrStdout(), r)
	}
	return print(cmd.OutOrStdout(), cmp.Or(c.format, "text"), r, r.writeText)
}
