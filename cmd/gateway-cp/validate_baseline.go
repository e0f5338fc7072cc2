package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/findings"
)

// useBaseline writes the baseline, if that is asked for, and takes what is in it out of the report.
func (c *validateConfig) useBaseline(cmd *cobra.Command, r *findings.Report) error {
	if c.baseline == "" {
		return nil
	}
	if c.writeBaseline {
		var b bytes.Buffer
		written, err := findings.WriteBaseline(&b, r.Findings)
		if err == nil {
			err = os.WriteFile(c.baseline, b.Bytes(), 0o644)
		}
		if err != nil {
			return cannotf("--baseline: %w", err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s written\n", c.baseline, plural(written, "finding"))
	}
	data, err := os.ReadFile(c.baseline)
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(usagef("--baseline: %w", err), "--write-baseline makes it of what is found now")
	}
	if err != nil {
		return cannotf("--baseline: %w", err)
	}
	baseline, err := findings.ReadBaseline(data)
	if err != nil {
		return usagef("--baseline: %s: %w", c.baseline, err)
	}
	var stale int
	r.Findings, r.Known, stale = baseline.Apply(r.Findings)
	if stale > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s not found any more; --write-baseline takes them out\n", c.baseline, plural(stale, "finding"))
	}
	return nil
}
