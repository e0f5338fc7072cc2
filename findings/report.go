package findings

import (
	"fmt"
	"io"

	"github.com/gateway-cp/gateway-cp/api"
)

// Report is what a command has to say after it has checked something.
type Report struct {
	// Command is what made it, such as "validate".
	Command string
	// Version of gateway-cp.
	Version string
	// Objects is how many objects were checked.
	Objects int
	// Cases are the names of all tests that were made, also of those that found nothing: for
	// formats that count what is fine. For validate they are the files.
	Cases []string
	// Findings are sorted as they shall be shown.
	Findings []Finding
	// Suppressed and Known are how many findings were left out because a comment in the
	// files, or the baseline, says so.
	Suppressed, Known int
	// FailOn is the least severity that makes a failure; the zero value is api.Error.
	FailOn api.Severity
	// Summary is the last line of formats for people; empty: one is made from the counts.
	Summary string
}

// Options say how a report is written.
type Options struct {
	// Color is for terminals.
	Color bool
	// Dir is what file names are made relative to in the formats that want them so (sarif,
	// github, gitlab): an absolute path, normally that of the working directory.
	Dir string
}

// Failed says whether any finding is as severe as FailOn.
func (r *Report) Failed() bool {
	for i := range r.Findings {
		if r.fails(&r.Findings[i]) {
			return true
		}
	}
	return false
}

func (r *Report) fails(f *Finding) bool {
	return f.Severity == api.Error || r.FailOn == api.Warning && f.Severity == api.Warning
}

// format is one way to write a report.
type format struct {
	name  string
	write func(io.Writer, *Report, Options) error
}

// formats are all ways to write a report; the first is the default.
var formats = []format{
	{"text", writeText},
	{"json", writeJSON},
	{"yaml", writeYAML},
	{"sarif", writeSARIF},
	{"junit", writeJUnit},
	{"github", writeGitHub},
	{"gitlab", writeGitLab},
}

// Formats gives the names of the formats, the default first.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Write writes a report in one of the Formats. It fails when the format is none of them, or
// when w does.
func Write(w io.Writer, name string, r *Report, o Options) error {
	for _, f := range formats {
		if f.name == name {
			return f.write(w, r, o)
		}
	}
	return fmt.Errorf("there is no output format %q", name)
}
