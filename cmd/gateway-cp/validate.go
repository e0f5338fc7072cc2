package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
)

// validateConfig is what validate's flags say.
type validateConfig struct {
	paths   []string // as given
	schemas schemaFlags
	envoy   string
	report  reportFlags
	exclude exclusion

	baseline      string
	writeBaseline bool
	watch         bool
	edited        map[string][]byte // what files.LoadOptions says
}

func newValidateCommand() *cobra.Command {
	var c validateConfig
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check manifests, each by itself and all of them together",
		Long: `Validate reads manifests through the code that serve uses, and prints what is wrong, with file, line
and column: with each object, and with all of them together, such as references that lead nowhere,
routes that no request reaches, and certificates about to expire. It needs no cluster.

PATH is a file, a directory (every .yaml, .yml and .json below it), a glob (** crosses directories;
quote it, or let the shell expand it) or - for standard input. All paths are one set of objects.

With --envoy, the real Envoy checks what the manifests are translated to as well, and each refusal
is traced back to the field that it comes from.

A finding is silenced where it is, with a comment that says why:

  # gateway-cp:ignore REASON why that is fine

over the first line of a document (for all of it), alone over a line, or at the end of a line. In
JSON, and where comments get lost, it is the annotation gateway-cp.io/ignore: REASON why. What
cannot be read cannot be silenced. "gateway-cp help reason" lists the reasons.

It exits with 0 when nothing is as bad as --fail-on, 1 when something is, 2 when a path is not
there, 3 when --envoy finds no Envoy.`,
		Example: `  gateway-cp validate examples/bluegreen
  gateway-cp validate --fail-on warning 'deploy/**/*.yaml'
  kustomize build . | gateway-cp validate -
  helm template shop ./chart | gateway-cp validate --envoy -
  gateway-cp validate ./manifests -o sarif --output-file report.sarif
  gateway-cp validate ./manifests --baseline old.json --write-baseline
  gateway-cp validate ./manifests --severity SelectorMatchesNone=off,UnknownKind=error
  gateway-cp validate --watch ./manifests
  gateway-cp help reason RouteConflict`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.paths = args
			if err := c.check(); err != nil {
				return err
			}
			if c.watch {
				return watchValidate(cmd, &c)
			}
			return withBallast(func() error { return runValidate(cmd, &c) })
		},
	}
	c.report.register(cmd)
	addEnvoyCheckFlag(cmd, &c.envoy)
	c.schemas.register(cmd)
	c.exclude.register(cmd)
	f := cmd.Flags()
	f.StringVar(&c.baseline, "baseline", "", "`file` of findings that are known and not reported")
	f.BoolVar(&c.writeBaseline, "write-baseline", false, "write all that is found now to the --baseline file")
	f.BoolVar(&c.watch, "watch", false, "check again whenever a file changes, until interrupted")
	_ = f.SetAnnotation("write-baseline", commandLineOnly, nil)
	_ = f.SetAnnotation("watch", commandLineOnly, nil)
	_ = cmd.MarkFlagFilename("baseline")
	return cmd
}

// check finds flags that do not go together.
func (c *validateConfig) check() error {
	switch {
	case c.writeBaseline && c.baseline == "":
		return withHint(usagef("--write-baseline needs --baseline"), "--baseline says which file to write")
	case c.watch && slices.Contains(c.paths, "-"):
		return usagef("--watch cannot watch standard input")
	case c.watch && c.writeBaseline:
		return usagef("--watch and --write-baseline do not go together")
	}
	return nil
}

// runValidate checks once, and prints what it finds.
func runValidate(cmd *cobra.Command, c *validateConfig) error {
	progress := startProgress(cmd.ErrOrStderr())
	v, err := validate(cmd, c, progress)
	progress.stop()
	if err != nil {
		return err
	}
	v.problems = append(v.problems, v.nothing(c.paths)...)
	report, err := v.report(cmd, c)
	if err != nil {
		return err
	}
	return c.report.print(cmd, report)
}

// unchecked says which reasons this run does not look for.
func (c *validateConfig) unchecked(reason api.Reason) bool {
	switch reason {
	case api.ReasonRefusedByEnvoy:
		return c.envoy == ""
	case api.ReasonSourceHeld, api.ReasonLastGoodInEffect, api.ReasonVersionUnhealthy:
		return true // only a running control plane knows
	case api.ReasonTestFailed, api.ReasonInvalidTest:
		return true // test does
	}
	return c.schemas.mode == "off" || c.report.severities[reason] == findings.Off
}
