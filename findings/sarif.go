package findings

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// The parts of SARIF 2.1.0 that are written here
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription *sarifText   `json:"shortDescription,omitempty"`
		Help             *sarifText   `json:"help,omitempty"`
		HelpURI          string       `json:"helpUri,omitempty"`
		Properties       *sarifTagged `json:"properties,omitempty"`
	}
	sarifTagged struct {
		Tags []string `json:"tags"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID           string            `json:"ruleId,omitempty"`
		RuleIndex        int               `json:"ruleIndex"`
		Level            string            `json:"level"`
		Message          sarifText         `json:"message"`
		Locations        []sarifLocation   `json:"locations,omitempty"`
		RelatedLocations []sarifLocation   `json:"relatedLocations,omitempty"`
		Fingerprints     map[string]string `json:"partialFingerprints,omitempty"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int        `json:"startLine"`
		StartColumn int        `json:"startColumn,omitempty"`
		EndColumn   int        `json:"endColumn,omitempty"`
		Snippet     *sarifText `json:"snippet,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const home = "https://github.com/gateway-cp/gateway-cp"

func writeSARIF(w io.Writer, r *Report, o Options) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "gateway-cp", Version: r.Version, InformationURI: home, Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
	}
	rules := map[api.Reason]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		n, known := rules[f.Reason]
		if !known {
			n = len(rules)
			rules[f.Reason] = n
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(f))
		}
		run.Results = append(run.Results, resultOf(f, n, o))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func ruleOf(f *Finding) sarifRule {
	rule := sarifRule{ID: ruleID(f.Reason), HelpURI: f.Page}
	if info, known := api.Explain(f.Reason); known {
		rule.ShortDescription = &sarifText{info.Means}
		rule.Help = &sarifText{info.Do}
		rule.Properties = &sarifTagged{Tags: []string{info.Group}}
	}
	return rule
}

// ruleID is the reason; a finding should have one, but SARIF needs one.
func ruleID(reason api.Reason) string {
	if reason == "" {
		return "Problem"
	}
	return string(reason)
}

func resultOf(f *Finding, rule int, o Options) sarifResult {
	result := sarifResult{
		RuleID: ruleID(f.Reason), RuleIndex: rule, Level: "note",
		Message: sarifText{sentence(f)},
	}
	switch f.Severity {
	case api.Error, api.Warning:
		result.Level = string(f.Severity)
	}
	location := sarifLocation{Physical: physical(f, o)}
	if f.Object != (api.Key{}) {
		location.Logical = []sarifLogical{{FullyQualifiedName: objectName(f.Object), Kind: "resource"}}
	}
	if location.Physical != nil || location.Logical != nil {
		result.Locations = []sarifLocation{location}
	}
	for n, other := range f.Related {
		if other.Position.File == "" {
			continue
		}
		place := &Finding{Problem: api.Problem{Position: other.Position}}
		result.RelatedLocations = append(result.RelatedLocations, sarifLocation{ID: n + 1, Physical: physical(place, o), Message: &sarifText{other.Message}})
	}
	if f.Fingerprint != "" {
		// The name is that which GitHub's code scanning looks for.
		result.Fingerprints = map[string]string{"primaryLocationLineHash": f.Fingerprint}
	}
	return result
}

// physical is the place in a file; nil when there is none.
func physical(f *Finding, o Options) *sarifPhysical {
	file, at := f.place()
	if file == "" {
		return nil
	}
	uri, relative := uriOf(file, o.Dir)
	p := &sarifPhysical{Artifact: sarifArtifact{URI: uri}}
	if relative {
		p.Artifact.URIBaseID = "%SRCROOT%"
	}
	if at.Line > 0 {
		p.Region = &sarifRegion{StartLine: at.Line, StartColumn: at.Column, EndColumn: f.endColumn()}
		if f.Snippet != nil {
			p.Region.Snippet = &sarifText{f.Snippet.Text}
		}
	}
	return p
}

// sentence is all that is said about a finding in one text.
func sentence(f *Finding) string {
	var b strings.Builder
	if f.Object != (api.Key{}) {
		b.WriteString(objectName(f.Object) + ": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}
