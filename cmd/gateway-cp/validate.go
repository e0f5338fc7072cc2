package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/translator"
)

// validation is what validate prints.
type validation struct {
	Objects  int           `json:"objects"`
	Problems []api.Problem `json:"problems"`
}

func newValidateCommand() *cobra.Command {
	var format string
	var schemaFlags schemaFlags
	cmd := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check manifests as serve would read them",
		Long: `Validate reads files and directories together, through the code that serve uses, and prints what
is wrong, with file, line and column. PATH may be - for standard input.

It exits with 1 when there is an error, and with 0 when there are only warnings.`,
		Example: `  gateway-cp validate examples/bluegreen
  kustomize build . | gateway-cp validate -
  gateway-cp validate ./manifests -o json | jq -r '.problems[].message'`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			schemas, err := schemaFlags.start()
			if err != nil {
				return err
			}
			v, err := validate(cmd.InOrStdin(), args, schemas)
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
	schemaFlags.register(cmd)
	return cmd
}

// validate reads the paths once and translates what is in them.
func validate(stdin io.Reader, paths []string, schemas *schemas) (validation, error) {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return validation{}, usagef("%s: %w", path, unwrapPath(err))
		}
	}
	loaded, err := files.Load(files.LoadOptions{Stdin: stdin, Visit: schemas.visit}, paths...)
	if err != nil {
		return validation{}, cannotf("%w", err)
	}
	t := translator.New()
	changes := make([]translator.Change, len(loaded.Objects))
	for i, o := range loaded.Objects {
		changes[i] = translator.Change{Key: o.Key, Object: o}
	}
	t.Apply(changes)
	problems := slices.Concat(schemas.add(loaded.Problems), placed(t.Problems(), t.Object))
	slices.SortFunc(problems, api.Problem.Compare)
	return validation{Objects: len(loaded.Objects), Problems: append([]api.Problem{}, problems...)}, nil
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
