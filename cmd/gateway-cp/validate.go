package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// validation is what validate prints.
type validation struct {
	Objects  int           `json:"objects"`
	Problems []api.Problem `json:"problems"`
}

func newValidateCommand() *cobra.Command {
	var format string
	var schemaFlags schemaFlags
	var envoy string
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check manifests as serve would read them",
		Long: `Validate reads files and directories together, through the code that serve uses, and prints what
is wrong, with file, line and column: with each object, and with all of them together, such as
references that lead nowhere, routes that no request reaches, and certificates about to expire.
PATH may be - for standard input.

With --envoy, the real Envoy checks what the manifests are translated to as well, and each refusal
is traced back to the field that it comes from. It exits with 3 when there is no Envoy.

It exits with 1 when there is an error, and with 0 when there are only warnings.`,
		Example: `  gateway-cp validate examples/bluegreen
  kustomize build . | gateway-cp validate -
  gateway-cp validate --envoy ./manifests
  gateway-cp validate ./manifests -o json | jq -r '.problems[].message'`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			schemas, err := schemaFlags.start()
			if err != nil {
				return err
			}
			v, err := validate(cmd, args, schemas, envoy)
			if err != nil {
				return err
			}
			err = print(cmd.OutOrStdout(), format, v, func(w io.Writer) error { return writeValidation(w, v) })
			if err == nil && hasErrors(v.Problems) {
				return errProblems
			}
			return err
		},
	}
	outputFlag(cmd, &format)
	addEnvoyCheckFlag(cmd, &envoy)
	schemaFlags.register(cmd)
	return cmd
}

// validate reads the paths once, translates what is in them, and has Envoy look at it, too, when
// that is asked for.
func validate(cmd *cobra.Command, paths []string, schemas *schemas, envoy string) (validation, error) {
	beside := &foreign{}
	visit := func(d files.Document) {
		schemas.visit(d)
		beside.visit(d)
	}
	loaded, err := readPaths(files.LoadOptions{Stdin: cmd.InOrStdin(), Visit: visit}, paths)
	if err != nil {
		return validation{}, err
	}
	loaded.Problems = schemas.add(loaded.Problems)
	w, err := newWorld(loaded, worldOptions{})
	if err != nil {
		return validation{}, err
	}
	problems := append([]api.Problem{}, loaded.Problems...)
	problems = append(problems, w.wholeSet(beside, loaded.Problems, time.Now())...)
	if envoy != "" {
		refused, err := checkWithEnvoy(cmd.Context(), envoy, w.snapshot(), func(format string, args ...any) {
			fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
		})
		if err != nil {
			return validation{}, err
		}
		problems = append(problems, placed(refused, w.object)...)
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return validation{Objects: len(loaded.Objects), Problems: problems}, nil
}

// writeValidation prints a problem a line, and a summary.
func writeValidation(w io.Writer, v validation) error {
	for _, p := range v.Problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	errs, warnings := countProblems(v.Problems)
	_, err := fmt.Fprintf(w, "%s, %s, %s\n", plural(v.Objects, "object"), plural(errs, "error"), plural(warnings, "warning"))
	return err
}
