package findings

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// Baseline are findings that are known and not to be reported: old sins.
type Baseline map[string]bool

// baselineFile is how it is written: an entry a line, sorted, so that changes merge well.
// Only the fingerprints count; the rest is for people who read it.
type baselineFile struct {
	Version  int             `json:"gatewayCPBaseline"`
	Findings []baselineEntry `json:"findings"`
}

type baselineEntry struct {
	Fingerprint string     `json:"fingerprint"`
	Reason      api.Reason `json:"reason"`
	Object      string     `json:"object,omitempty"`
	Path        string     `json:"path,omitempty"`
	File        string     `json:"file,omitempty"`
}

// ReadBaseline reads what WriteBaseline wrote. It fails for anything else.
func ReadBaseline(data []byte) (Baseline, error) {
	var file baselineFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%w (%w)", errBaseline, err)
	}
	if file.Version != 1 {
		return nil, errBaseline
	}
	b := make(Baseline, len(file.Findings))
	for _, e := range file.Findings {
		b[e.Fingerprint] = true
	}
	return b, nil
}

// WriteBaseline writes the findings as a baseline, except those that are Lasting, which
// ReadBaseline's caller would report all the same. It says how many it has written. They must
// have fingerprints.
func WriteBaseline(w io.Writer, list []Finding) (written int, err error) {
	var entries []baselineEntry
	for i := range list {
		f := &list[i]
		if Lasting(f.Reason) {
			continue
		}
		e := baselineEntry{Fingerprint: f.Fingerprint, Reason: f.Reason, Path: f.Path, File: f.Position.File}
		if f.Object != (api.Key{}) {
			e.Object = objectName(f.Object)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b baselineEntry) int { return strings.Compare(a.sorted(), b.sorted()) })
	var out strings.Builder
	out.WriteString("{\n  \"gatewayCPBaseline\": 1,\n  \"findings\": [")
	for i, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n    " + string(line))
	}
	out.WriteString("\n  ]\n}\n")
	_, err = io.WriteString(w, out.String())
	return len(entries), err
}

func (e baselineEntry) sorted() string {
	return strings.Join([]string{e.File, e.Object, string(e.Reason), e.Path, e.Fingerprint}, "\x00")
}

// Apply takes away the findings that are known. It says how many those are, and how many
// entries of the baseline are not needed any more.
func (b Baseline) Apply(list []Finding) (fresh []Finding, known, stale int) {
	fresh = make([]Finding, 0, len(list))
	for _, f := range list {
		if b[f.Fingerprint] && !Lasting(f.Reason) {
			known++
			continue
		}
		fresh = append(fresh, f)
	}
	return fresh, known, len(b) - known
}
