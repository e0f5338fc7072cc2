package findings

import (
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"
)

// jsonReport is the stable form of a report: docs/findings.schema.json describes it. Fields
// are added, never renamed.
type jsonReport struct {
	Version    string    `json:"version,omitempty"`
	Command    string    `json:"command,omitempty"`
	Failed     bool      `json:"failed"`
	Objects    int       `json:"objects"`
	Errors     int       `json:"errors"`
	Warnings   int       `json:"warnings"`
	Infos      int       `json:"infos"`
	Suppressed int       `json:"suppressed"`
	Known      int       `json:"known"`
	Problems   []Finding `json:"problems"`
}

func (r *Report) stable() jsonReport {
	out := jsonReport{
		Version: r.Version, Command: r.Command, Failed: r.Failed(),
		Objects: r.Objects, Suppressed: r.Suppressed, Known: r.Known, Problems: r.Findings,
	}
	out.Errors, out.Warnings, out.Infos = Count(r.Findings)
	if out.Problems == nil {
		out.Problems = []Finding{}
	}
	return out
}

func writeJSON(w io.Writer, r *Report, _ Options) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r.stable())
}

func writeYAML(w io.Writer, r *Report, _ Options) error {
	out, err := yaml.Marshal(r.stable())
	if err == nil {
		_, err = w.Write(out)
	}
	return err
}
