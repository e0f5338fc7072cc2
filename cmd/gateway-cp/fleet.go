package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/findings"
)

// fleetConfig is what the commands about the fleet share.
type fleetConfig struct {
	socket string
	format string
	watch  bool
}

func newFleetCommand() *cobra.Command {
	var c fleetConfig
	cmd := &cobra.Command{
		Use:   "fleet [ENVOY]",
		Short: "Show the Envoys of the fleet and what they have applied",
		Long: `Fleet asks a running gateway-cp over its admin socket: which revision is live, which Envoys are
connected, whether each has everything that there is for it, and what the last change that
concerned it was and how long that took, from the change to the acknowledgement. With the name of
an Envoy it tells all about that one: what waits for what, what is on its way, what it refuses.

An Envoy of a version that gateway-cp is not tested with (see gateway-cp version) is served like any
other, with a warning. Envoys that have disconnected are shown for 10 minutes. An Envoy that is paused or cut off without a
word counts as connected until it has not answered for 40 seconds.

A replica that leads others shows their Envoys, too, and with which replica they are; one that follows shows
whom, since when, and what it holds back.

It exits with 1 when an Envoy refuses something, the source is held or a leader refused, or when the Envoy that is
named is not known, is not connected or refuses something.`,
		Example: `  gateway-cp fleet
  gateway-cp fleet gw-1
  gateway-cp fleet --watch
  gateway-cp fleet -o json | jq '.envoys[] | select(.inSync | not) | .id'
  gateway-cp fleet diff gw-1
  gateway-cp fleet problems
  gateway-cp fleet services
  gateway-cp fleet confirm`,
		Args: atMostOneEnvoy,
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.watch {
				return watchFleet(cmd, c, args)
			}
			return showFleet(cmd, cmd.OutOrStdout(), c, args)
		},
		ValidArgsFunction: completeEnvoys(&c.socket),
	}
	cmd.PersistentFlags().StringVar(&c.socket, "admin-socket", "", "admin socket of the gateway-cp to ask (default: the one that is running)")
	_ = cmd.MarkPersistentFlagFilename("admin-socket")
	cmd.Flags().BoolVarP(&c.watch, "watch", "w", false, "show it again whenever something changes, until interrupted")
	outputFlag(cmd, &c.format)
	cmd.AddCommand(newFleetDiffCommand(&c.socket), newFleetProblemsCommand(&c.socket), newFleetServicesCommand(&c.socket), newFleetConfirmCommand(&c.socket))
	return cmd
}

func atMostOneEnvoy(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s takes one ENVOY, but got %q as well", name(cmd), args[1])
	}
	return nil
}

// showFleet prints the fleet, or one Envoy of it.
func showFleet(cmd *cobra.Command, w io.Writer, c fleetConfig, args []string) error {
	s, err := askStatus(cmd, c.socket)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		return showEnvoy(cmd, w, c.format, s, args[0])
	}
	err = print(w, c.format, s, func(w io.Writer) error { return writeFleet(w, s) })
	if err == nil && (s.Held != nil || refusals(s) > 0 || refusesLeader(s.Replica)) {
		return errProblems
	}
	return err
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
		return s, unanswered(err)
	}
	return s, nil
}

// writeFleet prints the header and the table of Envoys.
func writeFleet(w io.Writer, s admin.Status) error {
	if err := writeHeader(w, s); err != nil {
		return err
	}
	if len(s.Envoys) == 0 {
		if _, err := fmt.Fprintln(w, "\nNo Envoy is connected."); err != nil {
			return err
		}
		return writeRefusedClients(w, s.RefusedClients)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	at := replicaColumn(s.Replica)
	fmt.Fprintf(t, "\nID\t%sFLEET\tZONE\tNODE\tENVOY\tSTATE\tSINCE\tIN SYNC\tREVISION\tLAST CHANGE\tTOOK\n", at("REPLICA"))
	for _, e := range s.Envoys {
		last, took := lastChange(e)
		fmt.Fprintf(t, "%s\t%s%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, at(e.Replica), e.Fleet, cell(e.Zone), cell(e.Node), cell(e.Version),
			stateOf(e), stamp(e.Since), syncOf(e), dash(short(e.Revision)), last, took)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, e := range s.Envoys {
		if err := writeTroubles(w, e, "Envoy "+e.ID+" "); err != nil {
			return err
		}
	}
	return writeRefusedClients(w, s.RefusedClients)
}

// cell is what a client says of itself, in a table.
func cell(said string) string { return dash(findings.Printable(said)) }

// writeTroubles prints what is not as it should be with an Envoy, a line each.
func writeTroubles(w io.Writer, e admin.EnvoyStatus, who string) error {
	var lines []string
	if e.UnknownFleet {
		lines = append(lines, fmt.Sprintf("gets nothing: there is no Fleet %s", e.Fleet))
	}
	if e.SharesID {
		lines = append(lines, fmt.Sprintf("(from %s) has the same node id as another Envoy: give each its own", e.Address))
	}
	if e.VersionWarning != "" {
		lines = append(lines, "is served, but "+e.VersionWarning)
	}
	for _, wait := range e.Waiting {
		lines = append(lines, fmt.Sprintf("waits for %s %s (%s) with %s", wait.Type, wait.Name, wait.Why, some(wait.For, wait.Count)))
	}
	few, more := fewRefused(e)
	for _, r := range few {
		lines = append(lines, fmt.Sprintf("refuses %s: %s", refusedName(r), strings.TrimSpace(r.Message)))
	}
	if more != "" {
		lines = append(lines, more)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%s%s\n", who, line); err != nil {
			return err
		}
	}
	return nil
}

// some writes a few of count names.
func some(names []string, count int) string {
	const few = 3
	if count <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:min(few, len(names))], ", "), count-few)
}

func stateOf(e admin.EnvoyStatus) string {
	if e.Connected {
		return "connected"
	}
	return "gone"
}

// syncOf says yes, or in a few words what is missing.
func syncOf(e admin.EnvoyStatus) string {
	if e.InSync || !e.Connected {
		return map[bool]string{true: "yes", false: "-"}[e.InSync]
	}
	pending := 0
	for _, t := range e.Types {
		pending += t.Pending
	}
	waiting := 0
	for _, w := range e.Waiting {
		waiting += w.Count
	}
	var what []string
	for _, n := range []struct {
		n    int
		what string
	}{{pending, "pending"}, {waiting, "waiting"}, {len(e.Refused), "refused"}} {
		if n.n > 0 {
			what = append(what, fmt.Sprintf("%d %s", n.n, n.what))
		}
	}
	if len(what) == 0 {
		return "no"
	}
	return "no: " + strings.Join(what, ", ")
}

// lastChange says when the last change was acknowledged, and how long it took.
func lastChange(e admin.EnvoyStatus) (at, took string) {
	if e.LastChange == nil {
		return "-", "-"
	}
	return stamp(e.LastChange.At), seconds(e.LastChange.TookSeconds)
}

// seconds writes a time of that many seconds, with three digits or so.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

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
	if err == nil {
		err = writeReplicas(w, s.Replica)
	}
	if err == nil && s.Held != nil {
		_, err = fmt.Fprintf(w, "HELD: %s\n  If that is meant: gateway-cp fleet confirm\n", s.Held.Message)
	}
	return err
}

func refusals(s admin.Status) int {
	n := 0
	for _, e := range s.Envoys {
		n += len(e.Refused)
	}
	return n
}

func plural(n int, what string) string {
	noun, rest, _ := strings.Cut(what, " ")
	if n != 1 {
		noun += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", n, noun, rest))
}

func dash(s string) string { return cmp.Or(s, "-") }

// short cuts a Git commit to what people read.
func short(revision string) string {
	hash, rest, _ := strings.Cut(revision, " ")
	if len(hash) >= 40 {
		hash = hash[:12]
	}
	return strings.TrimSpace(hash + " " + rest)
}
