package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
	"github.com/gateway-cp/gateway-cp/rollout/simulate"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// simulateConfig is what rollout simulate is asked for.
type simulateConfig struct {
	world          simulate.World
	canary, stable float64 // percent
	noPromote      bool
	runs           int
	format         string
}

// mostRuns bounds how many rollouts are simulated at once.
const mostRuns = 100000

func newRolloutSimulateCommand() *cobra.Command {
	var c simulateConfig
	cmd := &cobra.Command{
		Use:   "simulate FILE [NAMESPACE/NAME]",
		Short: "Say what would become of a canary, with made-up error rates and traffic",
		Long: `Simulate reads a Rollout from a file or a directory (or - for standard input), and says what would happen to its
canary, and when: with the code that decides in a running gateway-cp, and without waiting. All endpoints are
healthy. It needs no running gateway-cp. The simulated time begins with the year 2026.

The canary begins where the spec has it begin: the version in spec.canary.from or, without it, the first other one
has all traffic. With --runs it simulates many rollouts that differ by chance only, and says how many end how.`,
		Example: `  gateway-cp rollout simulate shop.yaml
  gateway-cp rollout simulate shop.yaml --error-rate 2 --stable-error-rate 0.5 --requests-per-second 50
  gateway-cp rollout simulate shop.yaml --error-rate 2 --runs 200`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return simulateRollout(cmd, c, args) },
	}
	f := cmd.Flags()
	f.Float64Var(&c.canary, "error-rate", 0.5, "share of the canary's requests that fail, in percent")
	f.Float64Var(&c.stable, "stable-error-rate", 0.5, "the same of the stable version")
	f.Float64Var(&c.world.RequestsPerSecond, "requests-per-second", 100, "requests to both versions together")
	f.DurationVar(&c.world.PromoteAfter, "promote-after", 0, "how long a pause without duration takes until somebody promotes")
	f.BoolVar(&c.noPromote, "no-promote", false, "nobody promotes: a pause without duration is the end")
	f.DurationVar(&c.world.For, "for", simulate.DefaultFor, "how long to look at a rollout that does not end before")
	f.Uint64Var(&c.world.Seed, "seed", 1, "chooses among what may happen by chance")
	f.IntVar(&c.runs, "runs", 1, "how many rollouts to simulate")
	outputFlag(cmd, &c.format)
	return cmd
}

// simulation is what is printed.
type simulation struct {
	Rollout string `json:"rollout"`
	// PredictedSeconds is within what time at least 95 of 100 canaries that are as good as the stable version pass
	// the analysis with the first share that the steps ask for; 0 without an analysis, or where it is not known.
	PredictedSeconds float64           `json:"predictedSeconds,omitempty"`
	PredictedPercent float64           `json:"predictedPercent,omitempty"` // that share
	Story            *simulate.Story   `json:"story,omitempty"`
	Summary          *simulate.Summary `json:"summary,omitempty"`
}

func simulateRollout(cmd *cobra.Command, c simulateConfig, args []string) error {
	if err := c.check(); err != nil {
		return err
	}
	r, err := readRollout(cmd, args)
	if err != nil {
		return err
	}
	out := simulation{Rollout: r.Namespace + "/" + r.Name}
	if c.runs == 1 {
		var s simulate.Story
		if s, err = simulate.Run(r.Spec, c.world); err == nil {
			out.Story = &s
		}
	} else {
		var s simulate.Summary
		if s, err = simulate.Many(r.Spec, c.world, c.runs); err == nil {
			out.Summary = &s
		}
	}
	if err != nil {
		return usagef("Rollout %s: %w", out.Rollout, err)
	}
	c.predict(&out, r.Spec.Canary)
	return print(cmd.OutOrStdout(), c.format, out, func(w io.Writer) error { return out.write(w, c) })
}

// check reads the flags, and refuses what means nothing.
func (c *simulateConfig) check() error {
	for name, rate := range map[string]float64{"error-rate": c.canary, "stable-error-rate": c.stable} {
		if !(rate >= 0 && rate <= 100) {
			return usagef("--%s: must be from 0 to 100, in percent", name)
		}
	}
	rps := c.world.RequestsPerSecond
	switch {
	case !(rps >= 0 && rps <= 1e9):
		return usagef("--requests-per-second: must be from 0 to 1e9")
	case c.world.PromoteAfter < 0:
		return usagef("--promote-after: must not be negative")
	case c.world.For <= 0 || c.world.For > 366*24*time.Hour:
		return usagef("--for: must be more than 0, and at most a year (8784h)")
	case c.runs < 1 || c.runs > mostRuns:
		return usagef("--runs: must be from 1 to %d", mostRuns)
	}
	c.world.CanaryErrors, c.world.StableErrors = c.canary/100, c.stable/100
	if c.noPromote {
		c.world.PromoteAfter = -1
	}
	return nil
}

// readRollout reads the one that is meant, with its defaults.
func readRollout(cmd *cobra.Command, args []string) (*v1alpha1.Rollout, error) {
	loaded, err := readGiven(files.LoadOptions{Stdin: cmd.InOrStdin()}, args[:1])
	if err != nil {
		return nil, err
	}
	var found []*v1alpha1.Rollout
	var names []string
	for _, o := range loaded.Objects {
		r, ok := o.Value.(*v1alpha1.Rollout)
		if !ok {
			continue
		}
		name := r.Namespace + "/" + r.Name
		if names = append(names, name); len(args) == 1 || args[1] == name {
			found = append(found, r)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	for _, p := range loaded.Problems {
		if p.Object.Kind == api.KindRollout && p.Severity == api.Error {
			return nil, usagef("%v", p)
		}
	}
	switch {
	case len(names) == 0:
		return nil, usagef("there is no Rollout in %s", args[0])
	case len(args) == 2:
		return nil, usagef("there is no Rollout %s in %s: there are %s", args[1], args[0], strings.Join(names, ", "))
	}
	return nil, withHint(usagef("there are %d Rollouts in %s", len(names), args[0]), "name one of %s", strings.Join(names, ", "))
}

// predict says when a canary that is as good as the stable version passes with the first share that it gets.
func (c *simulateConfig) predict(out *simulation, spec *v1alpha1.Canary) {
	if spec.Analysis == nil {
		return
	}
	share := 0.0
	for _, s := range spec.Steps {
		p := s.Weight
		if s.Ramp != nil {
			p = s.Ramp.To
		}
		if p == nil {
			continue
		}
		if w, err := p.Weight(); err == nil && w > 0 {
			share = float64(w) / v1alpha1.WeightTotal
			break
		}
	}
	rps := c.world.RequestsPerSecond
	out.PredictedSeconds = analysis.Predict(rollout.SettingsOf(*spec.Analysis), c.world.StableErrors, rps*share, rps*(1-share)).Seconds()
	out.PredictedPercent = share * 100
}

func (s simulation) write(w io.Writer, c simulateConfig) error {
	rate := fmt.Sprintf("%g requests/s, of which the canary fails %g %% and the stable version %g %%", c.world.RequestsPerSecond, c.canary, c.stable)
	if s.Summary != nil {
		return s.writeSummary(w, rate)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "Rollout %s, simulated: from %s to %s, %s\n\n", s.Rollout, s.Story.Stable, s.Story.Canary, rate)
	for _, e := range shortened(s.Story.Events) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", inWords(e.Seconds), e.Reason, e.Message)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	message := ": " + s.Story.Message
	if s.Story.Outcome == simulate.Promoted {
		message = "" // what it says of times to come is not about this world
	}
	fmt.Fprintf(w, "\n%s after %s%s\n", strings.ToUpper(string(s.Story.Outcome[:1]))+string(s.Story.Outcome[1:]), inWords(s.Story.Seconds), message)
	return s.writePrediction(w)
}

func (s simulation) writeSummary(w io.Writer, rate string) error {
	fmt.Fprintf(w, "Rollout %s, simulated %d times: %s\n\n", s.Rollout, s.Summary.Runs, rate)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "OUTCOME\tROLLOUTS\tHALF WITHIN\t95 OF 100 WITHIN\n")
	for _, o := range []struct {
		name string
		simulate.Share
	}{{"promoted", s.Summary.Promoted}, {"aborted", s.Summary.Aborted}} {
		p50, p95 := "-", "-"
		if o.Runs > 0 {
			p50, p95 = inWords(o.P50), inWords(o.P95)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", o.name, o.Runs, p50, p95)
	}
	fmt.Fprintf(t, "not over\t%d\t-\t-\n", s.Summary.Open)
	if err := t.Flush(); err != nil {
		return err
	}
	return s.writePrediction(w)
}

func (s simulation) writePrediction(w io.Writer) error {
	if s.PredictedSeconds == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nA canary as good as the stable version passes the analysis within %s at %g %%, in at least 95 of 100 rollouts.\n",
		inWords(s.PredictedSeconds), s.PredictedPercent)
	return err
}

func inWords(seconds float64) string {
	return (time.Duration(math.Round(seconds*1000)) * time.Millisecond).String()
}

// shownMoves is how many changes of weights in a row are shown; a ramp has a hundred.
const shownMoves = 5

// shortened leaves out the middle of long ramps.
func shortened(events []simulate.Event) []simulate.Event {
	var out []simulate.Event
	for i := 0; i < len(events); {
		end := i
		for end < len(events) && events[end].Reason == string(rollout.EventWeightsChanged) {
			end++
		}
		switch {
		case end == i:
			out = append(out, events[i])
			end++
		case end-i <= shownMoves:
			out = append(out, events[i:end]...)
		default:
			middle := events[i+2]
			middle.Message = fmt.Sprintf("… and %d more, evenly", end-i-shownMoves+1)
			out = append(append(append(out, events[i:i+2]...), middle), events[end-2:end]...)
		}
		i = end
	}
	return out
}
