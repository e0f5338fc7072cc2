package findings

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// writeGitHub writes workflow commands, which GitHub Actions shows as annotations beside the
// lines of a pull request
// (https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions).
func writeGitHub(w io.Writer, r *Report, o Options) error {
	b := bufio.NewWriter(w)
	for i := range r.Findings {
		f := &r.Findings[i]
		command := "notice"
		switch f.Severity {
		case api.Error, api.Warning:
			command = string(f.Severity)
		}
		var properties []string
		add := func(name, value string) {
			properties = append(properties, name+"="+commandProperty.Replace(value))
		}
		if file, at := f.place(); file != "" {
			file, _ = relativeTo(file, o.Dir)
			add("file", file)
			if at.Line > 0 {
				add("line", fmt.Sprint(at.Line))
				add("endLine", fmt.Sprint(at.Line))
			}
			if at.Column > 0 {
				add("col", fmt.Sprint(at.Column))
			}
			if end := f.endColumn(); at.Column > 0 && end > 0 {
				add("endColumn", fmt.Sprint(end))
			}
		}
		add("title", ruleID(f.Reason))
		fmt.Fprintf(b, "::%s %s::%s\n", command, strings.Join(properties, ","), commandData.Replace(sentence(f)))
	}
	fmt.Fprintln(b, strings.ReplaceAll(painter(false).summary(r), "::", ": :"))
	return b.Flush()
}

// What the runner decodes: % first, or an escape in a message would become a line end.
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
