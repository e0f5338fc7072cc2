package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// addViewerFlags adds the flags that say which Envoy a command is about.
func addViewerFlags(f *pflag.FlagSet, v *traffic.Viewer) {
	f.StringVar(&v.Fleet, "fleet", "", "fleet that the Envoy belongs to (default: the only one)")
	f.StringVar(&v.Zone, "zone", "", "zone that the Envoy is in")
	f.StringVar(&v.Node, "node", "", "Kubernetes node that the Envoy stands on")
}

// oneFleet gives the fleet that was asked for, else the only one.
func oneFleet(t *traffic.Translation, asked string) (string, error) {
	fleets := t.Fleets()
	switch {
	case asked != "" && (asked == v1alpha1.DefaultFleet || slices.Contains(fleets, asked)):
		return asked, nil
	case asked != "":
		return "", withHint(usagef("--fleet: there is no fleet %q", asked), "there are %s", strings.Join(fleets, ", "))
	case len(fleets) == 1:
		return fleets[0], nil
	case len(fleets) == 0:
		return v1alpha1.DefaultFleet, nil
	}
	return "", withHint(usagef("there are %d fleets", len(fleets)), "choose one with --fleet: %s", strings.Join(fleets, ", "))
}
