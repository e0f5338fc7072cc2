package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// storePatience is how long a state may take to be stored. On a disk it is at once, or not; an API server takes some
// milliseconds.
const storePatience = 3 * time.Second

// Act is for the admin socket. The main loop takes a step after it, in which the action is stored
// and takes effect.
func (c *controlPlane) Act(ctx context.Context, namespace, name string, a admin.RolloutAction) error {
	key := rollout.Key(namespace, name)
	action := rollout.Action{Kind: rollout.ActionKind(a.Action), Full: a.Full, By: a.By}
	manager := c.replicas.part().manager
	if manager == nil {
		return fmt.Errorf("%w: this replica follows another, which decides on rollouts: ask that one", admin.ErrRefused)
	}
	var err error
	if !c.do(ctx, func() {
		err = manager.Act(key, action, time.Now())
		c.told = err == nil
	}) {
		return errors.Join(ctx.Err(), errors.New("gateway-cp is ending"))
	}
	if err != nil {
		return fmt.Errorf("%w%s", admin.ErrRefused, strings.TrimPrefix(err.Error(), rollout.ErrAction.Error()))
	}
	acted, patience := false, time.Now().Add(storePatience)
	for !acted && ctx.Err() == nil && time.Now().Before(patience) {
		if !c.do(ctx, func() { acted = manager.Acted(key) }) {
			break
		}
		if !acted {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if !acted {
		return errors.New("it is not in effect yet, since the state cannot be written: the log says why; it is tried again every second")
	}
	return nil
}

// History is for the admin socket.
func (c *controlPlane) History(_ context.Context, namespace, name string) ([]admin.RolloutRecord, error) {
	p, key := c.replicas.part(), rollout.Key(namespace, name)
	if p.manager == nil {
		return nil, fmt.Errorf("%w: this replica follows another, which has the history: ask that one", admin.ErrRefused)
	}
	var records []rollout.Record
	if p.states != nil {
		records = p.states.History(key)
	} else {
		var err error
		if records, err = rollout.History(c.instance.store, key); err != nil {
			return nil, err
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: nothing is known of a Rollout %s/%s", admin.ErrRefused, namespace, name)
	}
	out := make([]admin.RolloutRecord, 0, len(records))
	for _, r := range records {
		out = append(out, admin.RolloutRecord{At: r.At, Reason: string(r.Reason), Warning: r.Warning, Message: r.Message, By: r.By})
	}
	return out, nil
}

// rolloutActions are the commands that tell a Rollout what to do.
var rolloutActions = []struct{ name, short, long string }{
	{"promote", "End the step of a canary that is under way, or its bake",
		"Promote ends the pause or the ramp that is under way, or the bake after the last step. With --full it leaves out all steps that\nare left. It does not replace healthy endpoints: the share still grows only once there are enough."},
	{"pause", "Have a canary take no more steps", "Pause keeps the shares as they are, until resume. A canary whose endpoints fail still loses its share."},
	{"resume", "Go on after pause", "Resume goes on with the step that was under way, and the time that it had left."},
	{"abort", "Give a canary up: the stable version gets all traffic", "Abort gives the stable version all traffic. The canary is tried again only by retry, or when spec.canary changes."},
	{"retry", "Try again what was given up", "Retry starts a canary that was given up again, from the first step, and has Rollouts that returned together flip again, all of them."},
	{"undo", "Give a canary up after it has become the stable version",
		"Undo gives the version before all traffic again, while it is kept (spec.canary.holdOld). The manifests are not changed: change them, too."},
}

func newRolloutActions() []*cobra.Command {
	var all []*cobra.Command
	for _, a := range rolloutActions {
		var socket string
		action := admin.RolloutAction{Action: a.name}
		cmd := &cobra.Command{
			Use: a.name + " NAMESPACE/NAME", Short: a.short,
			Long:    a.long + "\n\nIt returns once that is on disk and in effect. It exits with 1 when it cannot be done as things stand.",
			Example: "  gateway-cp rollout " + a.name + " web/shop",
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return actOnRollout(cmd, socket, args[0], action)
			},
			ValidArgsFunction: completeRollouts(&socket),
		}
		if a.name == "promote" {
			cmd.Flags().BoolVar(&action.Full, "full", false, "leave out all the steps that are left")
		}
		adminSocketFlag(cmd, &socket)
		all = append(all, cmd)
	}
	return all
}

func actOnRollout(cmd *cobra.Command, socket, rollout string, a admin.RolloutAction) error {
	client, namespace, name, err := rolloutClient(socket, rollout)
	if err != nil {
		return err
	}
	if u, err := user.Current(); err == nil {
		a.By = u.Username
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	switch err := client.Act(ctx, namespace, name, a); {
	case errors.Is(err, admin.ErrRefused):
		return &exitError{code: exitProblems, err: err}
	case err != nil:
		return cannotf("%w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Rollout %s: %s is in effect.\n", rollout, a.Action)
	return err
}

// rolloutClient connects for a command on one Rollout.
func rolloutClient(socket, rollout string) (client *admin.Client, namespace, name string, err error) {
	namespace, name, ok := strings.Cut(rollout, "/")
	if !ok || namespace == "" || name == "" {
		return nil, "", "", usagef("%q is not NAMESPACE/NAME", rollout)
	}
	client, err = connect(socket)
	return client, namespace, name, err
}

func newRolloutHistoryCommand() *cobra.Command {
	var socket, format string
	cmd := &cobra.Command{
		Use:   "history NAMESPACE/NAME",
		Short: "Show what has happened to a Rollout: every step and decision, and who made it",
		Long: `History shows the newest 200 things that happened to a Rollout, the oldest first: steps, decisions and why,
and what somebody told it. It outlives gateway-cp, and ends with the Rollout.`,
		Example:           "  gateway-cp rollout history web/shop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRollouts(&socket),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, namespace, name, err := rolloutClient(socket, args[0])
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
			defer cancel()
			records, err := client.History(ctx, namespace, name)
			switch {
			case errors.Is(err, admin.ErrRefused):
				return &exitError{code: exitProblems, err: err}
			case err != nil:
				return cannotf("%w", err)
			}
			return print(cmd.OutOrStdout(), format, records, historyText(records))
		},
	}
	adminSocketFlag(cmd, &socket)
	outputFlag(cmd, &format)
	return cmd
}
