package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/envoybin"
)

// bootstrapConfig is what the bootstrap of one Envoy is made of.
type bootstrapConfig struct {
	NodeID        string
	Fleet         string
	Zone          string
	NodeName      string
	AdminAddress  string
	StatsInterval time.Duration
	MaxHeap       uint64
	MaxConns      int64
}

// addBootstrapFlags adds the flags that bootstrap and run share.
func addBootstrapFlags(cmd *cobra.Command, c *bootstrapConfig) {
	f := cmd.Flags()
	f.StringVar(&c.NodeID, "node-id", "", "name of this Envoy, unique in the fleet (default: the host name)")
	f.StringVar(&c.Fleet, "fleet", "default", "fleet that this Envoy belongs to")
	f.StringVar(&c.Zone, "zone", "", "zone that this Envoy is in")
	f.StringVar(&c.NodeName, "node-name", "", "Kubernetes node that this Envoy stands on")
	f.StringVar(&c.AdminAddress, "envoy-admin-address", "127.0.0.1:19000", "Envoy's admin interface: host:port or unix:///path; whoever reaches it can stop Envoy")
	f.DurationVar(&c.StatsInterval, "envoy-stats-interval", time.Second, "time between two deliveries of Envoy's metrics")
	f.Uint64Var(&c.MaxHeap, "envoy-max-heap", 2<<30, "bytes of heap at which Envoy refuses new requests")
	f.Int64Var(&c.MaxConns, "envoy-max-connections", 50_000, "downstream connections that Envoy accepts at most")
}

// minHeap is less than any Envoy that does something needs.
const minHeap = 64 << 20

// complete checks the configuration and fills what follows from the rest.
func (c *bootstrapConfig) complete() error {
	if c.NodeID == "" {
		host, err := os.Hostname()
		if err != nil {
			return withHint(usagef("no name for this Envoy: %w", err), "give one with --node-id")
		}
		c.NodeID = host
	}
	if faults := k8svalidation.IsDNS1123Subdomain(c.Fleet); len(faults) > 0 {
		return withHint(usagef("--fleet %q cannot be the name of a Fleet", c.Fleet), "%s", faults[0])
	}
	if c.StatsInterval <= 0 {
		return usagef("--envoy-stats-interval must be more than 0, not %s", c.StatsInterval)
	}
	if c.MaxHeap < minHeap {
		return usagef("--envoy-max-heap must be at least %d (64 MiB), not %d: Envoy would refuse every request", minHeap, c.MaxHeap)
	}
	if c.MaxConns <= 0 {
		return usagef("--envoy-max-connections must be more than 0")
	}
	return checkAddress("envoy-admin-address", c.AdminAddress)
}

// options are the bootstrap's for a control plane at an address.
func (c *bootstrapConfig) options(xdsAddress string, tls *envoy.TLS) envoy.Options {
	return envoy.Options{
		NodeID: c.NodeID, Fleet: c.Fleet, Zone: c.Zone, NodeName: c.NodeName,
		XDSAddress: xdsAddress, TLS: tls, AdminAddress: c.AdminAddress,
		StatsInterval: c.StatsInterval, MaxHeap: c.MaxHeap, MaxConnections: c.MaxConns,
	}
}

func newBootstrapCommand() *cobra.Command {
	var (
		c          bootstrapConfig
		xdsAddress string
		tls        envoy.TLS
		format     string
		file       string
	)
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print the bootstrap configuration of an Envoy",
		Long: `Bootstrap prints what an Envoy of the fleet is started with, for Envoy ` + envoybin.Supported() + `. Two flags of Envoy belong to it:
--drain-time-s bounds how long requests and connections on a removed or changed listener may still
take (above the longest request; load balancers of clouds wait for 300 s), and --drain-strategy
immediate tells all clients at once.

With the addresses of several replicas, Envoy connects to any of them, and to another when that is
gone.

With TLS, Envoy reads certificates again when they are replaced only if --sds-dir is given: two
small files are written there, and must be at the same path where Envoy runs. Replace certificates
by renaming new files into place, as Kubernetes does: Envoy looks when a name in their directory
changes, not when a file is written. The certificate must say which fleet and node the Envoy is, as
serve --xds-identity wants it; --fleet and --node-id must be the same.`,
		Example: `  gateway-cp bootstrap --xds-address cp.example.com:18000 --xds-ca ca.crt --xds-cert tls.crt --xds-key tls.key >envoy.yaml
  gateway-cp bootstrap --xds-address 10.0.0.1:18000,10.0.0.2:18000 >envoy.yaml
  envoy -c envoy.yaml --drain-time-s 300 --drain-strategy immediate`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.complete(); err != nil {
				return err
			}
			if err := checkReplicaAddresses(xdsAddress); err != nil {
				return err
			}
			return printBootstrap(cmd, c, xdsAddress, tls, format, file)
		},
	}
	addBootstrapFlags(cmd, &c)
	f := cmd.Flags()
	f.StringVar(&xdsAddress, "xds-address", "127.0.0.1:18000", "where the control plane listens: host:port or unix:///path; the addresses of its replicas, separated by commas, where it has several")
	f.StringVar(&tls.CA, "xds-ca", "", "CA of the control plane's certificate (PEM file, path as Envoy sees it)")
	f.StringVar(&tls.Cert, "xds-cert", "", "Envoy's certificate for the control plane (PEM file, path as Envoy sees it)")
	f.StringVar(&tls.Key, "xds-key", "", "private key of that certificate (PEM file, path as Envoy sees it)")
	f.StringVar(&tls.ServerName, "xds-server-name", "", "name in the control plane's certificate: a DNS name, an IP address or a SPIFFE ID (default: the host of --xds-address, or of one of them)")
	f.StringVar(&tls.SecretDir, "sds-dir", "", "write the files through which Envoy notices new certificates to this directory")
	enumFlag(cmd, &format, "output", "o", "output format", "yaml", "json")
	f.StringVar(&file, "output-file", "", "write it to this file rather than print it, as where there is no shell")
	for _, name := range []string{"xds-ca", "xds-cert", "xds-key", "output-file"} {
		_ = cmd.MarkFlagFilename(name)
	}
	return cmd
}

// checkReplicaAddresses checks the addresses of all replicas.
func checkReplicaAddresses(addresses string) error {
	seen := map[string]bool{}
	all := strings.Split(addresses, ",")
	for _, address := range all {
		if _, is := unixPath(address); is && len(all) > 1 {
			return usagef("--xds-address: %s cannot be one of several addresses: replicas are reached at host:port", address)
		}
		if err := checkAddress("xds-address", address); err != nil {
			return err
		}
		if seen[address] {
			return usagef("--xds-address: %s is there twice", address)
		}
		seen[address] = true
	}
	return nil
}

// printBootstrap renders the bootstrap, and writes the files that go with it.
func printBootstrap(cmd *cobra.Command, c bootstrapConfig, xdsAddress string, tls envoy.TLS, format, file string) error {
	var use *envoy.TLS
	if tls != (envoy.TLS{}) {
		if tls.CA == "" || tls.Cert == "" || tls.Key == "" {
			return usagef("TLS to the control plane takes --xds-ca, --xds-cert and --xds-key together")
		}
		use = &tls
	}
	b, err := envoy.Bootstrap(c.options(xdsAddress, use))
	if err != nil {
		return usagef("%w", err)
	}
	render := envoy.YAML
	if format == "json" {
		render = envoy.JSON
	}
	data, err := render(b)
	if err != nil {
		return err
	}
	if tls.SecretDir != "" {
		if err := writeSecrets(use, xdsAddress); err != nil {
			return cannotf("--sds-dir: %w", err)
		}
	}
	if use != nil && tls.SecretDir == "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "note: Envoy reads these certificates once; with --sds-dir it also reads those that replace them, without a restart")
	}
	if format == "yaml" { // JSON has no comments
		data = append([]byte("# For Envoy "+envoybin.Supported()+"; printed by gateway-cp "+readBuildInfo().Version+".\n"), data...)
	}
	if file != "" {
		if err := os.WriteFile(file, data, 0o644); err != nil { //nolint:gosec // it has no secrets, and Envoy may run as another user
			return cannotf("--output-file: %w", err)
		}
		return nil
	}
	_, err = cmd.OutOrStdout().Write(data)
	return err
}

// writeSecrets writes the SDS files. They hold paths, no keys.
func writeSecrets(tls *envoy.TLS, xdsAddress string) error {
	files, err := tls.Secrets(xdsAddress)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(tls.SecretDir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(tls.SecretDir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
