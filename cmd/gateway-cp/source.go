package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/source/kube"
	"github.com/gateway-cp/gateway-cp/translator"
)

// The values of --source.
const (
	sourceFiles = "files"
	sourceKube  = "kube"
)

// kubeConfig says which API server objects are read from, and which of them.
type kubeConfig struct {
	Kubeconfig string
	Context    string
	Namespaces []string
	// WriteStatus: what becomes of objects is written into their status.
	WriteStatus bool

	rest *rest.Config
}

// addSourceFlags adds the flags that say where objects come from.
func addSourceFlags(cmd *cobra.Command, c *serveConfig) {
	enumFlag(cmd, &c.Source, "source", "", "where the objects come from: files in a directory, or a Kubernetes API server", sourceFiles, sourceKube)
	f := cmd.Flags()
	f.StringVar(&c.Dir, "dir", "", "directory that holds the manifests (--source files)")
	_ = cmd.MarkFlagDirname("dir")
	f.StringVar(&c.Kube.Kubeconfig, "kubeconfig", "", "file that says where the API server is (--source kube; default: $KUBECONFIG, ~/.kube/config, or the cluster that this runs in)")
	_ = cmd.MarkFlagFilename("kubeconfig")
	f.StringVar(&c.Kube.Context, "kube-context", "", "context of the kubeconfig (--source kube; default: its current one)")
	f.StringSliceVar(&c.Kube.Namespaces, "namespaces", nil, "namespaces to read (--source kube; default: all)")
	f.BoolVar(&c.Kube.WriteStatus, "write-status", true, "write what becomes of objects into their status and into Events (--source kube)")
}

// checkSource refuses flags of another source, and finds the API server.
func (c *serveConfig) checkSource() (err error) {
	if c.Source != sourceKube {
		if c.Dir == "" {
			return withHint(usagef("--source files needs --dir"), "give the directory that holds the manifests")
		}
		if k := c.Kube; k.Kubeconfig != "" || k.Context != "" || len(k.Namespaces) > 0 {
			return withHint(usagef("--kubeconfig, --kube-context and --namespaces are for --source kube"), "leave them out, or say --source kube instead of --dir")
		}
		return nil
	}
	switch {
	case c.Dir != "":
		return withHint(usagef("--source kube and --dir contradict each other"), "objects come from one source")
	case c.Replica.Follow != "":
		return withHint(usagef("--source kube and --follow contradict each other"), "a Lease says who leads (--leader-election)")
	case c.Replica.Address != "" && !c.Lease.Elect:
		return withHint(usagef("--source kube with --replica-address needs --leader-election"), "a Lease says who leads")
	}
	for _, namespace := range c.Kube.Namespaces {
		if faults := k8svalidation.IsDNS1123Label(namespace); len(faults) > 0 {
			return withHint(usagef("--namespaces %q cannot be the name of a namespace", namespace), "%s", faults[0])
		}
	}
	if c.Kube.rest, err = kube.Config(c.Kube.Kubeconfig, c.Kube.Context); err != nil {
		return withHint(usagef("--source kube: %w", err), "name a kubeconfig with --kubeconfig, or run in a Pod with a ServiceAccount")
	}
	c.Kube.rest.UserAgent = "gateway-cp/" + readBuildInfo().Version
	return nil
}

// origin names what objects are read from, for people.
func (c *serveConfig) origin() string {
	if c.Source == sourceKube {
		return c.Kube.rest.Host
	}
	return c.Dir
}

// stateDir is where the state is kept unless a directory is given: it follows from what objects are
// read from.
func (c *serveConfig) stateDir() (string, error) {
	if c.Source != sourceKube {
		return defaultStateDir(c.Dir)
	}
	root, err := stateRoot()
	if err != nil {
		return "", err
	}
	namespaces := slices.Sorted(slices.Values(c.Kube.Namespaces))
	return filepath.Join(root, "kube-"+pathHash(c.Kube.rest.Host+" "+strings.Join(namespaces, " "))), nil
}

// source makes the source of objects.
func (i *instance) source() (source.Source, error) {
	if i.config.Source != sourceKube {
		return files.New(files.Options{Dir: i.config.Dir, State: i.store, Log: i.log, Keep: i.keep()}), nil
	}
	from, err := kube.New(kube.Options{Config: i.config.Kube.rest, Namespaces: i.config.Kube.Namespaces, Log: i.log, Keep: i.keep()})
	if err != nil {
		return nil, withHint(cannotf("read the API server %s: %w", i.config.origin(), err), "check the kubeconfig")
	}
	return from, nil
}

// keep is what the source keeps of objects: what the translator reads of them. Names of endpoints
// are not among that.
func (i *instance) keep() func(api.Value) api.Value {
	if i.names != nil {
		return nil
	}
	return translator.Keep
}
