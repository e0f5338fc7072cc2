package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
)

func newRolloutWatchCommand() *cobra.Command {
	var socket, format string
	cmd := &cobra.Command{
		Use:   "watch NAMESPACE/NAME",
		Short: "Watch a Rollout: its step, shares and Envoys, and what happened last",
		Long: `Watch shows where a Rollout stands whenever that changes, until Ctrl-C, also which part of the requests each
version really gets, as Envoys have measured it since the last step. On a terminal it repaints the screen;
elsewhere it writes one report after the other.`,
		Example:           "  gateway-cp rollout watch web/shop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(&socket),
		RunE: func(cmd *cobra.Command, args []string) error {
			return watch(cmd, format, func(w io.Writer) error { return showRollout(cmd, w, socket, format, args[0]) })
		},
	}
	adminSocketFlag(cmd, &socket)
	outputFlag(cmd, &format)
	return cmd
}

// rolloutView is all that watch shows.
type rolloutView struct {
	admin.RolloutStatus
	// Envoys is how many are connected, InSync how many of them have everything.
	Envoys int `json:"envoys"`
	InSync int `json:"inSync"`
	// History is what happened last, at most shownRecords of it; none where it cannot be had.
	History []admin.RolloutRecord `json:"history,omitempty"`
}

const shownRecords = 8

func showRollout(cmd *cobra.Command, w io.Writer, socket, format, name string) error {
	client, namespace, short, err := rolloutClient(socket, name)
	if err != nil {
		return err
	}
	s, err := askStatus(cmd, socket)
	if err != nil {
		return err
	}
	found := named(s.Rollouts, name)
	if len(found) == 0 {
		return &exitError{code: exitProblems, err: fmt.Errorf("there is no Rollout %s", name)}
	}
	view := rolloutView{RolloutStatus: found[0]}
	for _, e := range s.Envoys {
		if e.Connected {
			view.Envoys++
		}
		if e.InSync {
			view.InSync++
		}
	}
	if all, err := client.History(cmd.Context(), namespace, short); err == nil { // a replica that follows has none
		view.History = all[max(0, len(all)-shownRecords):]
	}
	return print(w, format, view, view.write)
}

// barWidth is that of a share of 100 %, in characters.
const barWidth = 40

// write draws the view as text.
func (v rolloutView) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	head := fmt.Sprintf("Rollout %s/%s of Service %s: %s", v.Namespace, v.Name, v.Service, v.Phase)
	if c := v.Canary; c != nil && c.Steps > 0 {
		head += fmt.Sprintf(", %d of %d steps taken", c.Step, c.Steps)
	}
	fmt.Fprintf(t, "%s\n\n", head)
	for _, r := range v.Versions {
		full := int(r.Percent*barWidth/100 + 0.5)
		note := besides(r)
		if !r.HeldUntil.IsZero() {
			note = "held until " + r.HeldUntil.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(t, "  %s\t%s%s\t%g %%\t%s\n", r.Name, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), r.Percent, note)
	}
	fmt.Fprintf(t, "\n%s\n%d of %d Envoys have everything.\n", dash(messageOf(v.RolloutStatus)), v.InSync, v.Envoys)
	if err := t.Flush(); err != nil || len(v.History) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return historyText(v.History)(w)
}
