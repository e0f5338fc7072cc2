package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
)

func newFleetCommand() *cobra.Command {
	var socket, format string
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Show the connected Envoys and what they have applied",
		Long: `Fleet asks a running gateway-cp over its admin socket: which revision is live, which Envoys are
connected, and for every type of resource how many were sent, acknowledged, are pending and
were refused. It exits with 1 when an Envoy refuses something or the source is held.

An Envoy that is paused or cut off without a word counts as connected until it has not answered
for 40 seconds.`,
		Example: `  gateway-cp fleet
  gateway-cp fleet -o json | jq '.envoys[] | select(.inSync | not) | .id'
  gateway-cp fleet problems
  gateway-cp fleet confirm`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showStatus(cmd, socket, format, writeFleet, func(s admin.Status) bool {
				return s.Held != nil || refusals(s) > 0
			})
		},
	}
	cmd.PersistentFlags().StringVar(&socket, "admin-socket", "", "admin socket of the gateway-cp to ask (default: the one that is running)")
	_ = cmd.MarkPersistentFlagFilename("admin-socket")
	outputFlag(cmd, &format)
	cmd.AddCommand(newFleetProblemsCommand(&socket), newFleetConfirmCommand(&socket))
	return cmd
}

func newFleetProblemsCommand(socket *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "Show what is wrong with the objects, and what Envoys refuse",
		Long: `Problems lists every problem of the live objects, and every resource that an Envoy refuses, with
Envoy's message and the objects that it comes from. It exits with 1 when there is an error.`,
		Example: "  gateway-cp fleet problems\n  gateway-cp fleet problems -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showStatus(cmd, *socket, format, writeProblems, func(s admin.Status) bool {
				return s.Held != nil || refusals(s) > 0 || hasErrors(s.Problems)
			})
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func newFleetConfirmCommand(socket *string) *cobra.Command {
	return &cobra.Command{
		Use:   "confirm",
		Short: "Obey a source that suddenly lost most of its objects",
		Long: `When most objects vanish at once, gateway-cp holds the last state until they return. Confirm says
that they are meant to be gone.`,
		Example: "  gateway-cp fleet confirm",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := connect(*socket)
			if err != nil {
				return err
			}
			switch err := client.Confirm(cmd.Context()); {
			case errors.Is(err, admin.ErrNothingHeld):
				return &exitError{code: exitProblems, err: errors.New("there is nothing to confirm: the source is not held")}
			case err != nil:
				return cannotf("%w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "confirmed: the source is obeyed")
			return err
		},
	}
}

// askStatus asks a running gateway-cp.
func askStatus(cmd *cobra.Command, socket string) (admin.Status, error) {
	client, err := connect(socket)
	if err != nil {
		return admin.Status{}, err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return s, withHint(cannotf("%w", err), "is it running, as this user? Start it with 'gateway-cp run DIR' or 'gateway-cp serve --dir DIR'")
	}
	return s, nil
}

// showStatus asks for the status and prints it.
func showStatus(cmd *cobra.Command, socket, format string,
	text func(io.Writer, admin.Status) error, bad func(admin.Status) bool,
) error {
	s, err := askStatus(cmd, socket)
	if err != nil {
		return err
	}
	err = print(cmd.OutOrStdout(), format, s, func(w io.Writer) error { return text(w, s) })
	if err == nil && bad(s) {
		return errProblems
	}
	return err
}

// writeFleet prints the header and the table of Envoys.
func writeFleet(w io.Writer, s admin.Status) error {
	if err := writeHeader(w, s); err != nil {
		return err
	}
	if len(s.Envoys) == 0 {
		_, err := fmt.Fprintln(w, "\nNo Envoy is connected.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "\nID\tFLEET\tZONE\tNODE\tCONNECTED\tSINCE\tENVOY\tIN SYNC\tREVISION\tSENT/ACKED/PENDING/REFUSED\n")
	for _, e := range s.Envoys {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Fleet, dash(e.Zone), dash(e.Node), yesNo(e.Connected),
			e.Since.UTC().Format(time.RFC3339), dash(e.Version), yesNo(e.InSync), dash(short(e.Revision)), counts(e.Types))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, e := range s.Envoys {
		if e.UnknownFleet {
			if _, err := fmt.Fprintf(w, "Envoy %s gets nothing: there is no Fleet %s\n", e.ID, e.Fleet); err != nil {
				return err
			}
		}
		if len(e.Waiting) > 0 {
			if _, err := fmt.Fprintf(w, "Envoy %s waits for %s\n", e.ID, strings.Join(e.Waiting, ", ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeHeader prints what is the same for all Envoys.
func writeHeader(w io.Writer, s admin.Status) error {
	errs, warnings := countProblems(s.Problems)
	revision := cmp.Or(s.Revision, "unknown")
	if s.Partly {
		revision += " (not all of it is in effect: see gateway-cp fleet problems)"
	}
	_, err := fmt.Fprintf(w, "Revision: %s\nProblems: %s, %s, %s by an Envoy\n",
		revision, plural(errs, "error"), plural(warnings, "warning"),
		plural(refusals(s), "resource refused"))
	if err == nil && s.Held != nil {
		_, err = fmt.Fprintf(w, "HELD: %s\n  If that is meant: gateway-cp fleet confirm\n", s.Held.Message)
	}
	return err
}

// writeProblems prints one line for every problem and every refused resource.
func writeProblems(w io.Writer, s admin.Status) error {
	if err := writeHeader(w, s); err != nil {
		return err
	}
	for _, p := range s.Problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	for _, e := range s.Envoys {
		for _, r := range e.Refused {
			name := r.Name
			if r.Part != "" {
				name += " (" + r.Part + ")"
			}
			_, err := fmt.Fprintf(w, "Envoy %s refuses %s %s: %s\n  it comes from %s\n",
				e.ID, r.Type, name, strings.TrimSpace(r.Message), cmp.Or(strings.Join(r.Objects, ", "), "nothing that is known"))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// counts writes the counts per type that has any.
func counts(types []admin.TypeStatus) string {
	var parts []string
	for _, t := range types {
		if t == (admin.TypeStatus{Type: t.Type}) {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %d/%d/%d/%d", t.Type, t.Sent, t.Acked, t.Pending, t.Refused))
	}
	return cmp.Or(strings.Join(parts, " "), "-")
}

func refusals(s admin.Status) int {
	n := 0
	for _, e := range s.Envoys {
		n += len(e.Refused)
	}
	return n
}

func countProblems(problems []api.Problem) (errs, warnings int) {
	for _, p := range problems {
		if p.Severity == api.Error {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

func hasErrors(problems []api.Problem) bool {
	errs, _ := countProblems(problems)
	return errs > 0
}

func plural(n int, what string) string {
	noun, rest, _ := strings.Cut(what, " ")
	if n != 1 {
		noun += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", n, noun, rest))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(s string) string { return cmp.Or(s, "-") }

// short cuts a Git commit to what people read.
func short(revision string) string {
	if len(revision) >= 40 {
		return revision[:12]
	}
	return revision
}
