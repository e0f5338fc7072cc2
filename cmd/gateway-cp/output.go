package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag adds -o for commands that print data.
func outputFlag(cmd *cobra.Command, format *string) {
	enumFlag(cmd, format, "output", "o", "output format", "text", "json", "yaml")
}

// print writes data as JSON or YAML, or as text by the function.
func print(w io.Writer, format string, data any, text func(io.Writer) error) error {
	if format == "text" {
		return text(w)
	}
	out, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	out = append(out, '\n')
	if format == "yaml" {
		if out, err = yaml.JSONToYAML(out); err != nil {
			return err
		}
	}
	_, err = w.Write(out)
	return err
}
