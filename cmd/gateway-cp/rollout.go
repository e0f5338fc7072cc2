package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
)

func newRolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Show where the traffic of Services stands",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRolloutStatusCommand())
	return cmd
}

func newRolloutStatusCommand() *cobra.Command {
	var socket, format string
	cmd := &cobra.Command{
		Use:   "status [NAMESPACE/NAME]",
		Short: "Show phase, versions and shares of Rollouts, and what they wait for",
		Long: `Status asks a running gateway-cp over its admin socket where every Rollout stands, or the one that
is named. It exits with 1 when the one that is named does not exist.`,
		Example: `  gateway-cp rollout status
  gateway-cp rollout status web/shop -o json | jq -r '.[0].phase'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := askStatus(cmd, socket)
			if err != nil {
				return err
			}
			rollouts := s.Rollouts
			if len(args) == 1 {
				rollouts = named(rollouts, args[0])
				if len(rollouts) == 0 {
					return &exitError{code: exitProblems, err: fmt.Errorf("there is no Rollout %s", args[0])}
				}
			}
			return print(cmd.OutOrStdout(), format, rollouts, func(w io.Writer) error { return writeRollouts(w, rollouts) })
		},
	}
	cmd.Flags().StringVar(&socket, "admin-socket", "", "admin socket of the gateway-cp to ask (default: the one that is running)")
	_ = cmd.MarkFlagFilename("admin-socket")
	outputFlag(cmd, &format)
	return cmd
}

func named(all []admin.RolloutStatus, name string) []admin.RolloutStatus {
	for _, r := range all {
		if r.Namespace+"/"+r.Name == name {
			return []admin.RolloutStatus{r}
		}
	}
	return nil
}

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
			if !v.HeldUntil.IsZero() {
				text += " (held until " + v.HeldUntil.UTC().Format(time.RFC3339) + ")"
			}
			versions = append(versions, text)
		}
		fmt.Fprintf(t, "%s/%s\t%s\t%s\t%s\t%s\n", r.Namespace, r.Name, r.Service, r.Phase, strings.Join(versions, ", "), dash(r.Message))
	}
	return t.Flush()
}
