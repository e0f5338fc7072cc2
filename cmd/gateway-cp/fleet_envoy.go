package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
)

// showEnvoy prints all that is known of the Envoys of one id.
func showEnvoy(cmd *cobra.Command, w io.Writer, format string, s admin.Status, id string) error {
	found := s.Named(id)
	if len(found) == 0 {
		return unknownEnvoy(cmd, s, id)
	}
	err := print(w, format, found, func(w io.Writer) error {
		for i, e := range found {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := writeEnvoy(w, e); err != nil {
				return err
			}
		}
		return nil
	})
	bad := func(e admin.EnvoyStatus) bool { return !e.Connected || len(e.Refused) > 0 }
	if err == nil && slices.ContainsFunc(found, bad) {
		return errProblems
	}
	return err
}

// unknownEnvoy is the error for an id that no Envoy has; a misspelt command looks the same.
func unknownEnvoy(cmd *cobra.Command, s admin.Status, id string) error {
	err := &exitError{code: exitProblems, err: fmt.Errorf("no Envoy %q is connected, or was within the last 10 minutes", id)}
	var commands, ids []string
	for _, c := range cmd.Commands() {
		commands = append(commands, c.Name())
	}
	for _, e := range s.Envoys {
		if !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	switch near := nearest(id, append(slices.Clone(ids), commands...)); {
	case near != "" && slices.Contains(ids, near):
		return withHint(err, "did you mean %s?", near)
	case near != "":
		return withHint(err, "did you mean '%s %s'?", cmd.CommandPath(), near)
	case len(ids) == 0:
		return withHint(err, "there are none at all")
	}
	return withHint(err, "there are: %s", some(ids, len(ids)))
}

func writeEnvoy(w io.Writer, e admin.EnvoyStatus) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s:\t%s\n", name, value)
		}
	}
	line("Envoy", e.ID)
	line("Replica", e.Replica)
	line("Fleet", e.Fleet)
	line("Zone", e.Zone)
	line("Node", e.Node)
	line("Version", e.Version)
	state := "connected since "
	if !e.Connected {
		state = "gone since "
	}
	line("State", state+stamp(e.Since))
	line("From", strings.TrimSpace(e.Address+" ("+e.Protocol+")"))
	if e.Certificate != nil {
		line("Certificate", e.Certificate.Name+", until "+stamp(e.Certificate.Expires))
	}
	if e.Connected {
		line("In sync", syncOf(e))
	}
	revision := cmp.Or(e.Revision, "unknown")
	if e.Applied != e.Current {
		revision += fmt.Sprintf(" (change %d of %d)", e.Applied, e.Current)
	}
	line("Revision", revision)
	if at, took := lastChange(e); e.LastChange != nil {
		line("Last change", fmt.Sprintf("number %d, acknowledged at %s, %s after it came", e.LastChange.Number, at, took))
	} else {
		line("Last change", "none that concerns it since it connected")
	}
	if !e.BehindSince.IsZero() {
		line("Behind", "a change of "+stamp(e.BehindSince)+" is not acknowledged yet")
	}
	line("Sent", plural(int(e.Resources), "resource")+" since it connected")
	if err := t.Flush(); err != nil {
		return err
	}
	if err := writeTypes(w, e); err != nil {
		return err
	}
	return writeLists(w, e)
}

func writeTypes(w io.Writer, e admin.EnvoyStatus) error {
	if len(e.Types) == 0 {
		_, err := fmt.Fprintln(w, "It has not asked for anything.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "\nTYPE\tHAS\tACKNOWLEDGED\tPENDING\tREFUSED\n")
	for _, n := range e.Types {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\n", n.Type, n.Sent, n.Acked, n.Pending, n.Refused)
	}
	return t.Flush()
}

// writeLists prints what is missing and why.
func writeLists(w io.Writer, e admin.EnvoyStatus) error {
	var b strings.Builder
	if err := writeTroubles(&b, e, "It "); err != nil {
		return err
	}
	for _, r := range e.Refused {
		fmt.Fprintf(&b, "  %s, refused since %s, comes from %s\n", refusedName(r), stamp(r.Since),
			cmp.Or(strings.Join(r.Objects, ", "), "nothing that is known"))
	}
	for _, p := range e.Pending {
		what, when := "is on its way", "since "+stamp(p.Sent)
		if p.Removed {
			what = "is being taken away"
		}
		if p.Sent.IsZero() {
			what, when = "goes out next", "when what was sent before is acknowledged"
		}
		fmt.Fprintf(&b, "%s %s %s %s\n", p.Type, p.Name, what, when)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s", b.String())
	return err
}

func refusedName(r admin.Refusal) string {
	if r.Part != "" {
		return r.Type + " " + r.Name + " (" + r.Part + ")"
	}
	return r.Type + " " + r.Name
}
