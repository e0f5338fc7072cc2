package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/xds"
)

// serveConfig is what a control plane needs to know.
type serveConfig struct {
	Source      string
	Dir         string // absolute; empty where the source is no directory
	Kube        kubeConfig
	XDSAddress  string // host:port or unix:///path
	XDSCert     string
	XDSKey      string
	XDSClientCA string
	XDSInsecure bool
	XDSIdentity []string
	Limits      xds.Limits
	HookSecrets string // a directory; empty: there is none
	AdminSocket string
	HTTPAddress string
	StateDir    string
	Replica     replicaConfig
	Lease       leaseConfig
	DNS         dnsConfig
	Log         logConfig

	// identity is XDSIdentity, read.
	identity xds.IdentityRule
	// ownSocket is where the Envoy that run supervises connects; empty for serve.
	ownSocket string
	// bindClusterIPs: Envoys listen at the cluster IPs of Services.
	bindClusterIPs bool
	// exclusivePorts: a listener whose port another process has is refused, not shared.
	exclusivePorts bool
}

func newServeCommand() *cobra.Command {
	var c serveConfig
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the control plane for a fleet of Envoys",
		Long: `Serve reads manifests from a directory, or objects from a Kubernetes API server (--source kube),
watches them, and serves the Envoy configuration that follows from them over xDS.

An xDS address that other machines can reach needs TLS with client certificates (--xds-cert,
--xds-key, --xds-client-ca; the files are read again when they change), or an explicit
--xds-insecure. Which fleet and node an Envoy may call itself is in its certificate: see
--xds-identity. What clients can take is bounded by the --xds-max flags. Stop it with SIGTERM or
SIGINT; Envoys keep serving what they have.

With --dns-address it also answers as the cluster's DNS, for the Services of --dns-fleet.

Several replicas may serve one fleet from the same manifests: one leads and listens for the others
(--replica-address), the others --follow it. Each serves Envoys by itself; on rollouts the leader
decides, for all. With --source kube a Lease says who leads (--leader-election), and where it can be
followed: give each replica a --replica-address.`,
		Example: `  gateway-cp serve --dir ./manifests
  gateway-cp serve --dir /etc/gateway-cp/manifests --xds-address 0.0.0.0:18000 \
    --xds-cert tls.crt --xds-key tls.key --xds-client-ca ca.crt \
    --xds-identity 'spiffe://example.org/gateway-cp/fleet/{fleet}/node/{node}'
  gateway-cp serve --dir ./manifests --xds-address 127.0.0.2:18000 --http-address 127.0.0.2:18080 \
    --replica-name b --follow 127.0.0.1:18001 --state-dir /var/lib/gateway-cp-b --admin-socket /run/gateway-cp/b.sock
  gateway-cp serve --source kube --kubeconfig ~/.kube/config --namespaces shop,web
  GATEWAY_CP_DIR=./manifests gateway-cp serve --xds-address unix:///run/gateway-cp/xds.sock`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.checkSource(); err != nil {
				return err
			}
			if err := c.complete(); err != nil {
				return err
			}
			return serve(cmd.Context(), c, newLogger(c.Log, cmd.ErrOrStderr()))
		},
	}
	addSourceFlags(cmd, &c)
	addServeFlags(cmd, &c, "127.0.0.1:18000", "where Envoys connect")
	addReplicaFlags(cmd, &c.Replica)
	addLeaseFlags(cmd, &c.Lease)
	addDNSFleetFlag(cmd, &c.DNS)
	return cmd
}

// addServeFlags adds the flags that serve and run share.
func addServeFlags(cmd *cobra.Command, c *serveConfig, xdsAddress, xdsUsage string) {
	f := cmd.Flags()
	f.StringVar(&c.XDSAddress, "xds-address", xdsAddress, xdsUsage+": host:port or unix:///path")
	f.StringVar(&c.XDSCert, "xds-cert", "", "certificate chain of the xDS server (PEM file)")
	f.StringVar(&c.XDSKey, "xds-key", "", "private key of the xDS server (PEM file)")
	f.StringVar(&c.XDSClientCA, "xds-client-ca", "", "CA that the Envoys' client certificates must come from (PEM file)")
	f.StringSliceVar(&c.XDSIdentity, "xds-identity", nil, "names in the Envoys' certificates that say which fleet and node they are: a SPIFFE ID or DNS name with {fleet}, {node} and * in it; a certificate without one is refused (default: "+xds.DefaultIdentity+", and a certificate without it is believed)")
	f.BoolVar(&c.XDSInsecure, "xds-insecure", false, "serve xDS without TLS on an address that other machines can reach")
	f.StringVar(&c.AdminSocket, "admin-socket", "", "Unix socket for the CLI (default: "+adminSocketHelp(cmd)+")")
	f.StringVar(&c.HTTPAddress, "http-address", "127.0.0.1:18080", "where /healthz, /readyz and /metrics are served: host:port or unix:///path; empty for nowhere")
	f.StringVar(&c.StateDir, "state-dir", "", "directory for what must survive a restart (default: ${XDG_STATE_HOME:-~/.local/state}/gateway-cp/<name and hash of what objects are read from>)")
	for _, name := range []string{"xds-cert", "xds-key", "xds-client-ca", "admin-socket"} {
		_ = cmd.MarkFlagFilename(name)
	}
	_ = cmd.MarkFlagDirname("state-dir")
	f.BoolVar(&c.bindClusterIPs, "bind-cluster-ips", false, "have Envoys listen at the cluster IPs of Services; the machines need them as local addresses (ip route add local 10.96.0.0/12 dev lo)")
	addLimitFlags(cmd, &c.Limits)
	addDNSFlags(cmd, &c.DNS)
	addHookFlags(cmd, &c.HookSecrets)
	addLogFlags(cmd, &c.Log)
}

func adminSocketHelp(cmd *cobra.Command) string {
	if cmd.Name() == "run" {
		return "admin.sock in the state directory"
	}
	return "$XDG_RUNTIME_DIR/gateway-cp/admin.sock, else admin.sock in the state directory"
}

// complete checks the configuration and fills what follows from the rest.
func (c *serveConfig) complete() error {
	err := c.completePaths()
	if err != nil {
		return err
	}
	if c.AdminSocket == "" {
		if c.AdminSocket = runtimeAdminSocket(); c.AdminSocket == "" {
			if c.AdminSocket, err = socketPath(c.StateDir, adminSocketName); err != nil {
				return err
			}
		}
	}
	if err := checkAddress("admin-socket", "unix://"+c.AdminSocket); err != nil {
		return err
	}
	if c.HTTPAddress != "" {
		if err := checkAddress("http-address", c.HTTPAddress); err != nil {
			return err
		}
	}
	if c.XDSAddress == "" && c.ownSocket == "" {
		return usagef("--xds-address must not be empty")
	}
	if c.XDSAddress != "" {
		if err := checkAddress("xds-address", c.XDSAddress); err != nil {
			return err
		}
	}
	if err := c.Limits.Check(); err != nil {
		return usagef("the limits of the xDS address: %w", err)
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if err := c.DNS.check(); err != nil {
		return err
	}
	if err := c.checkReplica(); err != nil {
		return err
	}
	if err := c.checkLease(); err != nil {
		return err
	}
	return c.checkIdentity()
}

// completePaths makes the paths absolute; the state directory follows from the manifests' unless
// it is given.
func (c *serveConfig) completePaths() (err error) {
	if c.Source != sourceKube {
		if c.Dir, err = existingDir(c.Dir); err != nil {
			return err
		}
	}
	if c.StateDir == "" {
		if c.StateDir, err = c.stateDir(); err != nil {
			return err
		}
	}
	for _, path := range []*string{&c.StateDir, &c.AdminSocket} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return cannotf("%w", err)
		}
	}
	return nil
}

// checkTLS refuses half a TLS configuration, and none where one is needed.
func (c *serveConfig) checkTLS() error {
	files := []struct{ flag, path string }{
		{"xds-cert", c.XDSCert}, {"xds-key", c.XDSKey}, {"xds-client-ca", c.XDSClientCA},
	}
	given, missing := "", ""
	for _, f := range files {
		if f.path != "" {
			given = f.flag
		} else if missing == "" {
			missing = f.flag
		}
	}
	switch {
	case given != "" && missing != "":
		return withHint(usagef("--%s is given, but --%s is not", given, missing),
			"TLS for xDS takes --xds-cert, --xds-key and --xds-client-ca together")
	case given != "" && c.XDSInsecure:
		return usagef("--xds-insecure and --%s contradict each other", given)
	case given == "" && !c.XDSInsecure && c.XDSAddress != "" && !isLocal(c.XDSAddress):
		return withHint(usagef("--xds-address %s can be reached from other machines, and everybody there could read the configuration and its private keys", c.XDSAddress),
			"either give --xds-cert, --xds-key and --xds-client-ca (TLS with client certificates), or say --xds-insecure")
	}
	return nil
}

// adminSocketName is the name of the admin socket in a state directory.
const adminSocketName = "admin.sock"

// serve runs the control plane until a signal.
func serve(ctx context.Context, c serveConfig, log *slog.Logger) error {
	ctx, stop := stopOnSignal(ctx, log, func() { os.Exit(exitCannot) })
	defer stop()
	i, err := openInstance(c, log)
	if err != nil {
		return err
	}
	defer i.close()
	return i.run(ctx)
}
