package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/examples"
	"github.com/gateway-cp/gateway-cp/findings"
)

func newHelpReasonCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reason [NAME]",
		Short: "Explain the reason of a problem",
		Long:  "Reason prints what a reason of problems means, what to do, and an example. Without a name, it lists all.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("help reason takes one NAME, but got %q as well", args[1])
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, info := range api.Reasons {
				if len(args) == 0 {
					names = append(names, cobra.CompletionWithDesc(string(info.Reason), info.Group))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listReasons(cmd.OutOrStdout())
			}
			info, err := findings.Explain(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			return explainReason(cmd.OutOrStdout(), info)
		},
	}
}

// listReasons prints all reasons under the headings that they belong to.
func listReasons(w io.Writer) error {
	var b strings.Builder
	group := ""
	for _, info := range api.Reasons {
		if info.Group != group {
			group = info.Group
			fmt.Fprintf(&b, "\n%s\n", group)
		}
		fmt.Fprintf(&b, "  %s\n", info.Reason)
	}
	b.WriteString("\ngateway-cp help reason NAME explains one of them.\n")
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

// explainReason prints the page of a reason.
func explainReason(w io.Writer, info api.ReasonInfo) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n%s\n\nWhat to do\n\n%s\n\nExample\n\n", info.Reason, info.Group, wrap(info.Means), wrap(info.Do))
	example := examples.Manifest(info.Reason)
	if example == "" {
		example = examples.Commands(info.Reason)
	}
	for line := range strings.Lines(example) {
		b.WriteString("  " + line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text into lines of up to 100 bytes, indented by two blanks.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString("  ")
			column = 2
		case column+1+len(word) > 100:
			b.WriteString("\n  ")
			column = 2
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
