package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func newRolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Show where the traffic of Services stands, and move it on",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRolloutStatusCommand(), newRolloutListCommand(), newRolloutWatchCommand(), newRolloutHistoryCommand(), newRolloutSimulateCommand())
	cmd.AddCommand(newRolloutActions()...)
	return cmd
}

func newRolloutListCommand() *cobra.Command {
	var socket, format string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List all Rollouts",
		Example: "  gateway-cp rollout list",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := askStatus(cmd, socket)
			if err != nil {
				return err
			}
			return print(cmd.OutOrStdout(), format, s.Rollouts, func(w io.Writer) error { return writeRollouts(w, s.Rollouts) })
		},
	}
	adminSocketFlag(cmd, &socket)
	outputFlag(cmd, &format)
	return cmd
}

// rolloutStatusConfig is what rollout status is asked for.
type rolloutStatusConfig struct {
	socket, format string
	wait           bool
	timeout        time.Duration
}

func newRolloutStatusCommand() *cobra.Command {
	var c rolloutStatusConfig
	cmd := &cobra.Command{
		Use:   "status [NAMESPACE/NAME]",
		Short: "Show phase, versions and shares of Rollouts, and what they wait for",
		Long: `Status asks a running gateway-cp over its admin socket where every Rollout stands, or the one that
is named. It exits with 1 when the one that is named does not exist.

With --wait it waits until that one has all traffic where its spec wants it (phase Stable or Holding), and exits
with 1 when it is given up instead (phase Aborted), or when that takes longer than --timeout.`,
		Example: `  gateway-cp rollout status
  gateway-cp rollout status web/shop -o json | jq -r '.[0].phase'
  gateway-cp rollout status web/shop --wait --timeout 30m`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.wait && len(args) == 0 {
				return usagef("--wait needs the NAMESPACE/NAME of a Rollout")
			}
			return showRollouts(cmd, c, args)
		},
		ValidArgsFunction: completeRollouts(&c.socket),
	}
	cmd.Flags().BoolVar(&c.wait, "wait", false, "wait until the rollout is over")
	cmd.Flags().DurationVar(&c.timeout, "timeout", 0, "how long to wait at most (default: as long as it takes)")
	adminSocketFlag(cmd, &c.socket)
	outputFlag(cmd, &c.format)
	return cmd
}

// showRollouts prints them, once waiting is over.
func showRollouts(cmd *cobra.Command, c rolloutStatusConfig, args []string) error {
	ctx := cmd.Context()
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	for {
		s, err := askStatus(cmd, c.socket)
		if err != nil {
			return err
		}
		rollouts := s.Rollouts
		if len(args) == 1 {
			if rollouts = named(rollouts, args[0]); len(rollouts) == 0 {
				return &exitError{code: exitProblems, err: fmt.Errorf("there is no Rollout %s", args[0])}
			}
		}
		over, bad := !c.wait, false
		if c.wait {
			over, bad = isOver(rollouts[0].Phase)
			select {
			case <-ctx.Done():
				over, bad = true, true
			default:
			}
		}
		if over {
			if err := print(cmd.OutOrStdout(), c.format, rollouts, func(w io.Writer) error { return writeRollouts(w, rollouts) }); err != nil || !bad {
				return err
			}
			return errProblems
		}
		select {
		case <-time.After(watchInterval):
		case <-ctx.Done():
		}
	}
}

// isOver says whether a rollout is, and whether it was given up.
func isOver(phase string) (over, bad bool) {
	switch v1alpha1.RolloutPhase(phase) {
	case v1alpha1.PhaseStable, v1alpha1.PhaseHolding:
		return true, false
	case v1alpha1.PhaseAborted:
		return true, true
	}
	return false, false
}

func named(all []admin.RolloutStatus, name string) []admin.RolloutStatus {
	for _, r := range all {
		if r.Namespace+"/"+r.Name == name {
			return []admin.RolloutStatus{r}
		}
	}
	return nil
}

// adminSocketFlag adds the flag that says which gateway-cp to ask.
func adminSocketFlag(cmd *cobra.Command, socket *string) {
	cmd.Flags().StringVar(socket, "admin-socket", "", "admin socket of the gateway-cp to ask (default: the one that is running)")
	_ = cmd.MarkFlagFilename("admin-socket")
}

// completeRollouts completes the names of Rollouts.
func completeRollouts(socket *string) cobra.CompletionFunc {
	return completeFromStatus(socket, func(s admin.Status) (names []string) {
		for _, r := range s.Rollouts {
			names = append(names, cobra.CompletionWithDesc(r.Namespace+"/"+r.Name, r.Phase))
		}
		return names
	})
}
