package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	deployschemas "github.com/gateway-cp/gateway-cp/deploy/schemas"
)

func newSchemasCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schemas DIR",
		Short: "Write JSON Schemas for editors",
		Long: `Schemas writes the JSON Schemas of gateway-cp's own kinds into a directory, which is made if it is not
there, and prints their names. ` + deployschemas.All + ` is for files with documents of any kind. Editors with
yaml-language-server complete and check fields by them: put this over a file, or the schema into the
editor's settings (docs/editors.md):

  # yaml-language-server: $schema=.schemas/` + deployschemas.All,
		Example: `  gateway-cp schemas .schemas`,
		Args:    exactArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := deployschemas.Files()
			if err != nil {
				return cannotf("%w", err)
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return cannotf("%w", err)
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				path := filepath.Join(args[0], name)
				if err := os.WriteFile(path, files[name], 0o644); err != nil {
					return cannotf("%w", err)
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		},
	}
}
