package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// enum is a flag that takes one of a few words.
type enum struct {
	value   *string
	allowed []string
}

func (e enum) String() string { return *e.value }
func (e enum) Type() string   { return strings.Join(e.allowed, "|") }
func (e enum) Set(s string) error {
	if !slices.Contains(e.allowed, s) {
		return fmt.Errorf("must be one of %s, not %q", strings.Join(e.allowed, ", "), s)
	}
	*e.value = s
	return nil
}

// enumFlag adds a flag that takes one of a few words; the first is the default.
func enumFlag(cmd *cobra.Command, to *string, name, short, usage string, allowed ...string) {
	*to = allowed[0]
	cmd.Flags().VarP(enum{to, allowed}, name, short, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}
