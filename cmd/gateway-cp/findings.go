package main

import (
	"bytes"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
)

// reportFlags say how findings are printed, and which of them count. They are for every
// command that has some.
type reportFlags struct {
	format     string
	failOn     string
	color      string
	file       string
	severities findings.Severities
}

func (f *reportFlags) register(cmd *cobra.Command) {
	f.severities = findings.Severities{}
	enumFlag(cmd, &f.format, "output", "o", "output format", findings.Formats()...)
	enumFlag(cmd, &f.failOn, "fail-on", "", "exit with 1 for this and what is worse", string(api.Error), string(api.Warning))
	enumFlag(cmd, &f.color, "color", "", "colour in text; auto is on a terminal, unless NO_COLOR is set", "auto", "always", "never")
	cmd.Flags().StringVar(&f.file, "output-file", "", "write the -o format to `file`, and text to standard output")
	cmd.Flags().Var(severitiesFlag{f.severities}, "severity", "how bad a reason is, instead of what the check says: error, warning, info or off; several with commas, in the config file a mapping")
	_ = cmd.RegisterFlagCompletionFunc("severity", completeSeverity)
	_ = cmd.MarkFlagFilename("output-file")
}

// print writes a report as the flags say, and gives errProblems when it fails.
func (f *reportFlags) print(cmd *cobra.Command, r *findings.Report) error {
	r.Command, r.Version, r.FailOn = name(cmd), readBuildInfo().Version, api.Severity(f.failOn)
	out := cmd.OutOrStdout()
	options := findings.Options{Color: f.colored(out)}
	options.Dir, _ = os.Getwd() // without one, absolute names stay absolute
	if f.file != "" {
		var b bytes.Buffer
		plain := options
		plain.Color = f.color == "always"
		err := findings.Write(&b, f.format, r, plain)
		if err == nil {
			err = os.WriteFile(f.file, b.Bytes(), 0o644)
		}
		if err != nil {
			return cannotf("--output-file: %w", err)
		}
	}
	if err := findings.Write(out, f.stdoutFormat(), r, options); err != nil {
		return cannotf("%w", err)
	}
	if r.Failed() {
		return errProblems
	}
	return nil
}

// stdoutFormat is that of standard output.
func (f *reportFlags) stdoutFormat() string {
	if f.file != "" {
		return "text"
	}
	return f.format
}

// colored says whether text is coloured (https://no-color.org).
func (f *reportFlags) colored(out io.Writer) bool {
	switch f.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// severitiesFlag is a flag that takes REASON=SEVERITY, several with commas, and adds to what it
// has. In the config file it is a mapping.
type severitiesFlag struct{ to findings.Severities }

func (s severitiesFlag) String() string { return s.to.String() }
func (s severitiesFlag) Type() string   { return mappingType }
func (s severitiesFlag) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if err := s.to.Set(part); err != nil {
			return err
		}
	}
	return nil
}

// completeSeverity completes the reason, then the severity.
func completeSeverity(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	const noSpace = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	before, last := "", typed
	if i := strings.LastIndex(typed, ","); i >= 0 {
		before, last = typed[:i+1], typed[i+1:]
	}
	var words []string
	if reason, _, ok := strings.Cut(last, "="); ok {
		for _, level := range findings.Levels() {
			words = append(words, before+reason+"="+level)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	for _, info := range api.Reasons {
		words = append(words, before+string(info.Reason)+"=")
	}
	return words, noSpace
}
