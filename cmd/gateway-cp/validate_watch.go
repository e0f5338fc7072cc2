package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/source/files"
)

// lookEvery is how often --watch looks for changes. Looking at very many files takes longer: then
// it is done so seldom that it takes a twentieth of the time.
const lookEvery = 250 * time.Millisecond

// watchValidate checks whenever a file has changed and nothing more changes for a moment, until
// a signal. What keeps it from checking is told, and may be gone after the next change.
func watchValidate(cmd *cobra.Command, c *validateConfig) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd.SetContext(ctx)
	looked, pause := c.look()
	for first := true; ; first = false {
		watchHead(cmd.OutOrStdout(), c.report.stdoutFormat(), first)
		err := runValidate(cmd, c)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil, errors.Is(err, errProblems):
		case first && codeOf(err) == exitUsage:
			return err
		default:
			fmt.Fprintf(cmd.ErrOrStderr(), "gateway-cp: %v\n", err)
		}
		var changed bool
		if looked, pause, changed = c.awaitChange(ctx, looked, pause); !changed {
			return nil
		}
	}
}

// watchHead clears the terminal; elsewhere a line with the time sets one check apart from the
// one before.
func watchHead(out io.Writer, format string, first bool) {
	switch {
	case isTerminal(out):
		fmt.Fprint(out, clearScreen)
	case first:
	case format == "text":
		fmt.Fprintf(out, "--- %s\n", stamp(time.Now()))
	case format == "yaml":
		fmt.Fprintln(out, "---")
	}
}

// awaitChange waits until the files have changed and then stay the same for as long as a pause
// takes. It is false when ctx has ended.
func (c *validateConfig) awaitChange(ctx context.Context, last uint64, pause time.Duration) (looked uint64, again time.Duration, changed bool) {
	before := last
	for {
		select {
		case <-ctx.Done():
			return before, pause, false
		case <-time.After(pause):
		}
		var now uint64
		now, pause = c.look()
		if now != last && now == before {
			return now, pause, true
		}
		before = now
	}
}

// look gives what changes with the files, and how long to wait until the next look.
func (c *validateConfig) look() (uint64, time.Duration) {
	started := time.Now()
	paths, err := expandPaths(slices.Concat(c.paths, c.schemas.crds))
	if err != nil {
		paths = c.paths // one that matches nothing is as one that is not there
	}
	seen := files.Look(files.LoadOptions{Skip: c.exclude.skip()}, paths...)
	if c.baseline != "" {
		seen += files.Look(files.LoadOptions{}, c.baseline)
	}
	return seen, max(lookEvery, 20*time.Since(started))
}
