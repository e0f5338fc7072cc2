package configdump

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Want is a resource as the control plane has it for an Envoy.
type Want struct {
	resource.Ref
	Version string
	// Content is what JSON gave; nil: the Envoy shall lose it.
	Content json.RawMessage
	// Why says what the control plane knows to keep the Envoy from having it.
	Why []string
	// Kept says why the Envoy may keep one that it shall lose for now, empty: it has no reason; Until
	// is until when, if that is known.
	Kept  string
	Until time.Time
}

// Kind is a kind of difference.
type Kind string

// The kinds of differences.
const (
	Missing   Kind = "missing"   // the Envoy shall have it and does not
	Extra     Kind = "extra"     // the Envoy has it and shall not
	Different Kind = "different" // it has another content
	Warming   Kind = "warming"   // it has taken this, and does not use it yet
	Failed    Kind = "failed"    // its last update of it failed
)

// Difference is what is not as it shall be with one resource.
type Difference struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// WantVersion and HaveVersion are empty where there is none, or Envoy does not say.
	WantVersion string `json:"wantVersion,omitempty"`
	HaveVersion string `json:"haveVersion,omitempty"`
	// Fields are where the contents differ.
	Fields []Field `json:"fields,omitempty"`
	// Failure is what Envoy says of its last update, if that failed.
	Failure string `json:"failure,omitempty"`
	// Why says what the control plane knows of the cause.
	Why []string `json:"why,omitempty"`
}

// Kept is a resource that the Envoy shall lose, and has for a good reason.
type Kept struct {
	Type  string    `json:"type"`
	Name  string    `json:"name"`
	Until time.Time `json:"until,omitzero"` // zero: until the reason is gone
	Why   string    `json:"why"`            // in words
}

// Result is what a comparison has found.
type Result struct {
	Same        int          `json:"same"` // resources that are as they shall be
	Differences []Difference `json:"differences"`
	// Kept are resources that the Envoy shall lose and still needs, or may need, for what it has begun.
	// They are no differences.
	Kept []Kept `json:"kept,omitempty"`
	// Unknown are types that the dump says nothing about.
	Unknown []string `json:"unknown,omitempty"`
}

// Compare gives the differences between what an Envoy shall have and its dump, sorted by type
// and name.
func Compare(want []Want, d *Dump) Result {
	r := Result{Differences: []Difference{}}
	if !d.HasEndpoints {
		r.Unknown = []string{resource.Endpoint.String()}
	}
	wanted := map[resource.Ref]bool{}
	for _, w := range want {
		if w.Type == resource.Endpoint && !d.HasEndpoints {
			continue
		}
		wanted[w.Ref] = true
		have := d.resources[w.Ref]
		if w.Content == nil && (have == nil || have.active == nil && have.warming == nil) {
			continue
		}
		if w.Content == nil {
			r.lose(w, have)
			continue
		}
		if found, same := differs(w, have); !same {
			r.Differences = append(r.Differences, found)
			continue
		}
		r.Same++
	}
	for _, ref := range slices.Collect(maps.Keys(d.resources)) {
		if have := d.resources[ref]; !wanted[ref] && (have.active != nil || have.warming != nil || have.failure != "") {
			r.Differences = append(r.Differences, Difference{
				Type: ref.Type.String(), Name: ref.Name, Kind: Extra, HaveVersion: cmp.Or(have.version, have.warmingVersion),
				Failure: have.failure, Why: []string{"it does not come from this control plane, or has been taken away"},
			})
		}
	}
	order := map[string]resource.Type{}
	for t := range resource.NumTypes {
		order[t.String()] = t
	}
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(order[a.Type], order[b.Type]), cmp.Compare(a.Name, b.Name))
	})
	return r
}

// lose looks at a resource that the Envoy still has and shall lose.
func (r *Result) lose(w Want, have *dumped) {
	if w.Kept != "" {
		r.Kept = append(r.Kept, Kept{Type: w.Type.String(), Name: w.Name, Until: w.Until, Why: w.Kept})
		return
	}
	r.Differences = append(r.Differences, Difference{
		Type: w.Type.String(), Name: w.Name, Kind: Extra, HaveVersion: have.version, Failure: have.failure, Why: w.Why,
	})
}

// differs compares one resource.
func differs(w Want, have *dumped) (Difference, bool) {
	d := Difference{Type: w.Type.String(), Name: w.Name, WantVersion: w.Version, Why: w.Why}
	if have == nil {
		d.Kind = Missing
		return d, false
	}
	d.HaveVersion, d.Failure = have.version, have.failure
	var wantTree any
	if err := json.Unmarshal(w.Content, &wantTree); err != nil {
		d.Kind, d.Why = Different, append(slices.Clone(d.Why), "what it shall have cannot be read: "+err.Error())
		return d, false
	}
	form := normal
	if w.Type == resource.Endpoint {
		form = normalEndpoints
	}
	target := form(wantTree)
	if have.warming != nil && reflect.DeepEqual(target, form(have.warming)) {
		d.Kind, d.HaveVersion = Warming, have.warmingVersion
		return d, false
	}
	if have.active == nil {
		d.Kind = Missing
		if have.warming != nil {
			d.Kind, d.HaveVersion = Warming, have.warmingVersion
			d.Fields = fieldsOf(target, form(have.warming))
		}
		return d, false
	}
	d.Fields = fieldsOf(target, form(have.active))
	switch {
	case len(d.Fields) > 0:
		d.Kind = Different
	case w.Type == resource.Secret && have.version != "" && have.version != w.Version:
		d.Kind = Different
		d.Fields = []Field{{Path: "what is redacted, such as the private key"}}
	case have.failure != "":
		d.Kind = Failed
	default:
		return d, true
	}
	return d, false
}
