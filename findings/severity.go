package findings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// Off is the severity of reasons that are not reported.
const Off api.Severity = "off"

// Levels are the severities that a reason can be given.
func Levels() []string {
	return []string{string(api.Error), string(api.Warning), string(api.Info), string(Off)}
}

// Severities say how bad findings with a reason are, instead of what the check says.
type Severities map[api.Reason]api.Severity

// Set sets what the text REASON=SEVERITY says. It fails for what does not exist, with the
// nearest name, and for reasons that are Lasting. Upper and lower case of names are the same.
func (s Severities) Set(text string) error {
	name, level, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q: write it as REASON=%s", text, strings.Join(Levels(), "|"))
	}
	info, err := Explain(strings.TrimSpace(name))
	if err != nil {
		return err
	}
	reason, level := info.Reason, strings.TrimSpace(level)
	if !slices.Contains(Levels(), level) {
		return fmt.Errorf("%s must be one of %s, not %q", reason, strings.Join(Levels(), ", "), level)
	}
	if Lasting(reason) && api.Severity(level) != api.Error {
		return fmt.Errorf("%s is always an error: what cannot be read is not checked", reason)
	}
	s[reason] = api.Severity(level)
	return nil
}

// String writes them as Set reads them, separated by commas.
func (s Severities) String() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, string(reason)+"="+string(s[reason]))
	}
	return strings.Join(parts, ",")
}

// Apply gives the findings with the severities that are set, without those that are Off.
func (s Severities) Apply(list []Finding) []Finding {
	if len(s) == 0 {
		return list
	}
	out := make([]Finding, 0, len(list))
	for _, f := range list {
		if level, set := s[f.Reason]; set {
			f.Severity = level
		}
		if f.Severity != Off {
			out = append(out, f)
		}
	}
	return out
}

// unknownReason says that a reason does not exist, and which one may be meant.
func unknownReason(name string) error {
	if near := nearest.Name(name, reasonNames()); near != "" {
		return fmt.Errorf("there is no reason %q: did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no reason %q: gateway-cp help reason lists them", name)
}

// Explain gives what is known about a reason. It fails, with the nearest name, for one that
// does not exist. Upper and lower case are the same.
func Explain(name string) (api.ReasonInfo, error) {
	for _, info := range api.Reasons {
		if strings.EqualFold(string(info.Reason), name) {
			return info, nil
		}
	}
	return api.ReasonInfo{}, unknownReason(name)
}

// errBaseline is what is wrong with a file that should be a baseline.
var errBaseline = errors.New("not a baseline: write one with --write-baseline")
