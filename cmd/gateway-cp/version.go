package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/envoybin"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = ""

// buildInfo says what this binary is.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // Git commit
	Modified bool   `json:"modified,omitempty"` // built from a changed work tree
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Envoy is which Envoys are supported: see envoybin.Supported.
	Envoy string `json:"envoy"`
}

func newVersionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and which Envoys are supported",
		Example: "  gateway-cp version -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info := readBuildInfo()
			return print(cmd.OutOrStdout(), format, info, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "gateway-cp %s (%s, %s)\nfor Envoy %s\n", info.Version, info.Go, info.Platform, info.Envoy)
				return err
			})
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

// readBuildInfo asks the linker and the Go toolchain.
func readBuildInfo() buildInfo {
	info := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Envoy: envoybin.Supported()}
	build, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				info.Revision = s.Value
			case "vcs.modified":
				info.Modified = s.Value == "true"
			}
		}
		if info.Version == "" {
			info.Version = build.Main.Version
		}
	}
	if info.Version == "" {
		info.Version = "(devel)"
	}
	return info
}
