package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/convert"
)

// mostConverted bounds what is read, in bytes.
const mostConverted = 16 << 20

func newConvertCommand() *cobra.Command {
	var o convert.Options
	var format string
	cmd := &cobra.Command{
		Use:   "convert FILE...",
		Short: "Write Rollouts for what Argo Rollouts or Flagger read",
		Long: `Convert reads Rollouts of Argo Rollouts, with their AnalysisTemplates, and Canaries of Flagger from files (or -
for standard input), and writes Rollouts of gateway-cp to standard output. On standard error it says, a line for each field,
what was not carried over, and what is not needed any more. docs/migrating.md has the fields.

It exits with 1 when something was not carried over, and with 2 when there is nothing to convert.`,
		Example: `  gateway-cp convert rollout.yaml analysis.yaml > shop.yaml
  kubectl get canary podinfo -o yaml | gateway-cp convert - --stable-labels version=v1 --canary-labels version=v2`,
		Args: minArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return convertFiles(cmd, o, format, args) },
	}
	cmd.Flags().StringToStringVar(&o.Stable, "stable-labels", nil, "labels of the Pods of the stable version (default: version=stable)")
	cmd.Flags().StringToStringVar(&o.Canary, "canary-labels", nil, "labels of the Pods of the other version (default: version=canary)")
	enumFlag(cmd, &format, "output", "o", "output format; json has what was not carried over, too", "yaml", "json")
	return cmd
}

func convertFiles(cmd *cobra.Command, o convert.Options, format string, paths []string) error {
	var all []byte
	for _, path := range paths {
		text, err := readManifest(cmd.InOrStdin(), path)
		if err != nil {
			return err
		}
		all = append(append(all, text...), "\n---\n"...)
	}
	r, err := convert.Convert(all, o)
	if errors.Is(err, convert.ErrInput) {
		return usagef("%w", err)
	} else if err != nil {
		return err
	}
	if format == "json" {
		err = print(cmd.OutOrStdout(), format, r, nil)
	} else {
		for i, ro := range r.Rollouts {
			text, marshalled := yaml.Marshal(ro)
			if i > 0 {
				text = append([]byte("---\n"), text...)
			}
			if err = errors.Join(marshalled, write(cmd.OutOrStdout(), text)); err != nil {
				break
			}
		}
		for _, n := range r.Notes {
			fmt.Fprintln(harmless{cmd.ErrOrStderr()}, n)
		}
	}
	if err == nil && r.Lost() {
		return errProblems
	}
	return err
}

func write(w io.Writer, text []byte) error {
	_, err := w.Write(text)
	return err
}

// readManifest reads a file, or standard input for "-".
func readManifest(stdin io.Reader, path string) ([]byte, error) {
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil, usagef("%s: %w", path, unwrapPath(err))
		} else if err != nil {
			return nil, cannotf("%s: %w", path, unwrapPath(err))
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, mostConverted+1))
	switch {
	case err != nil:
		return nil, cannotf("%s: %w", path, unwrapPath(err))
	case len(text) > mostConverted:
		return nil, usagef("%s has more than %d MiB", path, mostConverted>>20)
	}
	return text, nil
}
