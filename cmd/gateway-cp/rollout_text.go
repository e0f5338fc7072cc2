package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
)

func writeRollouts(w io.Writer, rollouts []admin.RolloutStatus) error {
	if len(rollouts) == 0 {
		_, err := fmt.Fprintln(w, "There are no Rollouts.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "ROLLOUT\tSERVICE\tPHASE\tVERSIONS\tMESSAGE\n")
	for _, r := range rollouts {
		var versions []string
		for _, v := range r.Versions {
			text := v.Name + " " + strconv.FormatFloat(v.Percent, 'f', -1, 64) + " %"
			if notes := besides(v); notes != "" {
				text += " (" + notes + ")"
			}
			if !v.HeldUntil.IsZero() {
				text += " (held until " + v.HeldUntil.UTC().Format(time.RFC3339) + ")"
			}
			versions = append(versions, text)
		}
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\t%s\n", r.Namespace, r.Name, r.Service, r.Phase, strings.Join(versions, ", "), dash(messageOf(r)))
	}
	return t.Flush()
}

// messageOf is the message, with what is to be looked at first.
func messageOf(r admin.RolloutStatus) string {
	if r.Deviation == "" {
		return r.Message
	}
	return r.Deviation + "; " + r.Message
}

// besides says what there is to say of a version beside its share: what was measured, and who gets it whatever its share.
func besides(v admin.RolloutVersion) string {
	var notes []string
	if text := measuredText(v); text != "" {
		notes = append(notes, text)
	}
	if v.Match != "" {
		notes = append(notes, "and "+v.Match)
	}
	if v.Copied > 0 {
		notes = append(notes, fmt.Sprintf("copies of %g %%", v.Copied))
	}
	return strings.Join(notes, "; ")
}

// historyText writes records as a table.
func historyText(records []admin.RolloutRecord) func(io.Writer) error {
	return func(w io.Writer) error {
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprint(t, "TIME\tREASON\tMESSAGE\n")
		for _, r := range records {
			fmt.Fprintf(t, "%s\t%s\t%s\n", r.At.UTC().Format(time.RFC3339), r.Reason, r.Message)
		}
		return t.Flush()
	}
}
