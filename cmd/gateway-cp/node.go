package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/interception"
)

func newNodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Prepare a machine of a fleet: rules that lead connections to its Envoy",
		Long: `Node installs and removes what the machine of an Envoy needs where its Fleet says

  spec.interception                  connections to cluster IPs and node ports come to one socket
  spec.clientAddress.originalSource  connections to endpoints come from the addresses of clients

that is, one nftables table named "gateway-cp", local routes for the cluster IPs, and routing rules for
the way back. It needs root, or CAP_NET_ADMIN, and works on Linux alone. What it installs stays until it
is removed, or until the machine starts again: run install at every start, before Envoy.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newNodeInstallCommand(), newNodeRemoveCommand(), newNodeStatusCommand())
	return cmd
}

func newNodeInstallCommand() *cobra.Command {
	var o worldOptions
	var fleet string
	cmd := &cobra.Command{
		Use:   "install PATH...",
		Short: "Install the rules that a Fleet's machines need, or bring them up to date",
		Long: `Install reads the Fleet from manifests, of which the Fleet alone is enough. Whatever was installed before is
replaced in one step; doing it again changes nothing.

PATH is a file, a directory, or - for standard input.`,
		Example: `  sudo gateway-cp node install ./manifests
  kubectl get fleet edge -o yaml | sudo gateway-cp node install --fleet edge -`,
		Args: minArgs("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Stdin = cmd.InOrStdin()
			w, err := loadWorld(o, args)
			if err != nil {
				return err
			}
			w.tellErrors(cmd.ErrOrStderr())
			f, err := w.fleet(fleet)
			if err != nil {
				return err
			}
			rules, err := interception.ForFleet(f)
			if err != nil {
				return withHint(cannotf("%w", err), "see docs/services.md, \"One socket\" and \"The address of the client\"")
			}
			if err := interception.Install(rules); err != nil {
				return ofNode(err)
			}
			return printInstalled(cmd.OutOrStdout())
		},
	}
	o.Exclude.register(cmd)
	cmd.Flags().StringVar(&fleet, "fleet", v1alpha1.DefaultFleet, "name of the Fleet that the Envoy of this machine belongs to")
	return cmd
}

func newNodeRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "remove",
		Short:   "Remove everything that install has made, whichever process it was",
		Example: `  sudo gateway-cp node remove`,
		Args:    noArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if err := interception.Remove(); err != nil {
				return ofNode(err)
			}
			return nil
		},
	}
}

func newNodeStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what is installed; exit code 1 if nothing is",
		Example: `  sudo gateway-cp node status`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return printInstalled(cmd.OutOrStdout()) },
	}
}

// fleet gives the Fleet with a name, also the one that is there without any object.
func (w *world) fleet(name string) (*v1alpha1.Fleet, error) {
	if o := w.object(api.Key{Kind: api.KindFleet, Name: name}); o != nil {
		return o.Value.(*v1alpha1.Fleet), nil
	}
	if name == v1alpha1.DefaultFleet {
		return v1alpha1.ImplicitFleet(), nil
	}
	return nil, usagef("there is no Fleet %s in the manifests", name)
}

func printInstalled(w io.Writer) error {
	i, err := interception.Status()
	if err != nil {
		return ofNode(err)
	}
	if !i.Any() {
		fmt.Fprintln(w, "nothing is installed")
		return errProblems
	}
	for _, part := range []struct {
		name  string
		lines []string
	}{{"nftables table inet " + interception.Table, i.Rules}, {"routes", i.Routes}, {"routing rules", i.RoutingRules}} {
		if len(part.lines) == 0 {
			continue
		}
		fmt.Fprintln(w, part.name)
		for _, line := range part.lines {
			fmt.Fprintln(w, "  "+line)
		}
	}
	return nil
}

// ofNode says what to do about an error of the machine's.
func ofNode(err error) error {
	switch {
	case errors.Is(err, interception.ErrNotPermitted):
		return withHint(cannotf("%w", err), "run it with sudo, or give the process CAP_NET_ADMIN")
	case errors.Is(err, interception.ErrUnsupported):
		return withHint(cannotf("%w", err), "it takes Linux 5.2 or later with nf_tables, nft_tproxy or nft_redir, and nft_ct (originalSource); --bind-cluster-ips does without")
	}
	return cannotf("%w", err)
}
