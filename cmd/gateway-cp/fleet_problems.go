package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
)

func newFleetProblemsCommand(socket *string) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "Show what is wrong with the objects, and what Envoys refuse",
		Long: `Problems lists every problem of the live objects, and every resource that an Envoy refuses, with
Envoy's message and the objects that it comes from; when an Envoy refuses much, 20 of them and the number of the others.
-o json has all. It exits with 1 when there is an error.`,
		Example: "  gateway-cp fleet problems\n  gateway-cp fleet problems -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := askStatus(cmd, *socket)
			if err != nil {
				return err
			}
			err = print(cmd.OutOrStdout(), format, s, func(w io.Writer) error { return writeProblems(w, s) })
			if err == nil && (s.Held != nil || refusals(s) > 0 || hasErrors(s.Problems)) {
				return errProblems
			}
			return err
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func newFleetConfirmCommand(socket *string) *cobra.Command {
	return &cobra.Command{
		Use:   "confirm",
		Short: "Obey a source that lost most of its objects, or a leader with another state",
		Long: `When most objects vanish at once, gateway-cp holds the last state until they return. Confirm says
that they are meant to be gone.

A replica that follows another refuses it when its state is older than what it has told before, or of another
history, and keeps what it has. Confirm says that the leader's state is the right one. When both is the case,
it is for the source first.`,
		Example: "  gateway-cp fleet confirm",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := connect(*socket)
			if err != nil {
				return err
			}
			switch err := client.Confirm(cmd.Context()); {
			case errors.Is(err, admin.ErrNothingHeld):
				return &exitError{code: exitProblems, err: errors.New("there is nothing to confirm: neither the source is held nor a leader refused")}
			case err != nil:
				return cannotf("%w", err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "confirmed")
			return err
		},
	}
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
		few, more := fewRefused(e)
		for _, r := range few {
			_, err := fmt.Fprintf(w, "Envoy %s refuses %s: %s\n  it comes from %s\n",
				e.ID, refusedName(r), strings.TrimSpace(r.Message), cmp.Or(strings.Join(r.Objects, ", "), "nothing that is known"))
			if err != nil {
				return err
			}
		}
		if more != "" {
			if _, err := fmt.Fprintf(w, "Envoy %s %s\n", e.ID, more); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewRefused gives what an Envoy refuses, of much a part, and the words for the others.
func fewRefused(e admin.EnvoyStatus) (few []admin.Refusal, more string) {
	if n := len(e.Refused) - maxListedRefusals; n > 0 {
		return e.Refused[:maxListedRefusals], fmt.Sprintf("refuses %d more: gateway-cp fleet %s lists all", n, e.ID)
	}
	return e.Refused, ""
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
