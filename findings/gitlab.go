package findings

import (
	"encoding/json"
	"io"
	"strconv"

	"github.com/gateway-cp/gateway-cp/api"
)

// gitlabIssue is an entry of GitLab's code quality report
// (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format).
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

func writeGitLab(w io.Writer, r *Report, o Options) error {
	issues := make([]gitlabIssue, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		issue := gitlabIssue{
			Description: sentence(f), CheckName: ruleID(f.Reason), Fingerprint: f.Fingerprint, Severity: "info",
		}
		switch f.Severity {
		case api.Error:
			issue.Severity = "major"
		case api.Warning:
			issue.Severity = "minor"
		}
		if issue.Fingerprint == "" { // GitLab drops an entry without one
			issue.Fingerprint = strconv.Itoa(i)
		}
		file, at := f.place()
		issue.Location.Path, _ = relativeTo(file, o.Dir)
		issue.Location.Lines.Begin = max(at.Line, 1)
		issues[i] = issue
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(issues)
}
