package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gateway-cp/gateway-cp/admin"
)

// watchInterval is how often --watch asks.
const watchInterval = time.Second

// clearScreen moves the cursor home and clears what is on the terminal (ECMA-48).
const clearScreen = "\x1b[H\x1b[2J"

// watchFleet shows the fleet, or one Envoy, whenever it has changed, until a signal.
func watchFleet(cmd *cobra.Command, c fleetConfig, args []string) error {
	return watch(cmd, c.format, func(w io.Writer) error { return showFleet(cmd, w, c, args) })
}

// watch shows something whenever it has changed, until a signal. A control plane that does not
// answer is told, and asked again.
func watch(cmd *cobra.Command, format string, show func(io.Writer) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd.SetContext(ctx)
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	shown := ""
	for {
		var b bytes.Buffer
		err := show(&b)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errProblems) {
			if codeOf(err) == exitUsage {
				return err
			}
			b.Reset()
			fmt.Fprintf(&b, "%v\n", err)
		}
		if text := b.String(); text != shown {
			shown = text
			if err := repaint(cmd, format, text); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// repaint replaces what a terminal shows; elsewhere it adds, with the time, or in JSON and YAML
// as one more document.
func repaint(cmd *cobra.Command, format, text string) error {
	out := cmd.OutOrStdout()
	head := ""
	switch {
	case isTerminal(out):
		head = clearScreen
	case format == "yaml":
		head = "---\n"
	case format == "text":
		head = "--- " + stamp(time.Now()) + "\n"
	}
	_, err := fmt.Fprint(out, head+strings.TrimSuffix(text, "\n")+"\n")
	return err
}

// isTerminal says whether something is a device that people look at.
func isTerminal(out any) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// completeEnvoys completes the ids of Envoys.
func completeEnvoys(socket *string) cobra.CompletionFunc {
	return completeFromStatus(socket, func(s admin.Status) (ids []string) {
		for _, e := range s.Envoys {
			ids = append(ids, cobra.CompletionWithDesc(e.ID, e.Fleet+", "+stateOf(e)))
		}
		return ids
	})
}

// completeFromStatus completes the first argument with names that a running gateway-cp knows.
func completeFromStatus(socket *string, names func(admin.Status) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 || resolveFlags(cmd) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		client, err := connect(*socket)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		s, err := client.Status(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(s), cobra.ShellCompDirectiveNoFileComp
	}
}
