package files

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
	"github.com/gateway-cp/gateway-cp/api/nearest"
	"github.com/gateway-cp/gateway-cp/source"
)

// entry is one object as written in a file.
type entry struct {
	key      api.Key // who it is; without a name where that cannot be told
	admitted bool
	value    api.Value // nil when it is not admitted, or is in effect
	hash     uint64    // of doc
	doc      []byte    // JSON, for the state store
	place    *place
	guess    bool // the kind is misspelt: this stands for the object only if nothing else does
	problems []api.Problem
}

// decoded is what a file says.
type decoded struct {
	entries  []entry       // those that may be objects of ours
	problems []api.Problem // of the file, and of what is no object of ours
	unclear  bool          // there may be objects in it that are not among the entries
}

// decoder reads one file.
type decoder struct {
	origin *fileRef
	text   []byte
	in     *arena
	out    decoded
	bad    int // documents that are no objects at all
	visit  visitor
}

// maxBad is the number of documents in one file that may be no objects at all. A large file
// of something else than manifests must not make millions of problems.
const maxBad = 100

// decode reads a file's bytes into objects, and notes in ref how they are to be read again. It never panics, and its time and memory are
// bounded by a multiple of the size. Visit is shown what there is.
func decode(ref *fileRef, data []byte, visit visitor) decoded {
	d := &decoder{origin: ref, visit: visit}
	enc := charsetOf(data)
	d.origin.charset = enc
	text, bad := enc.text(data)
	if bad != nil {
		d.syntax(bad)
		return d.out
	}
	d.text = text
	if visit.text != nil {
		visit.text(ref.name, text)
	}
	in := arenas.Get().(*arena)
	defer arenas.Put(in)
	d.in = in
	in.keeps = !visit.once
	for _, seg := range split(text) {
		in.reset()
		if d.bad > maxBad {
			d.syntax(&textError{line: seg.line, column: seg.column, message: "too many errors; the rest of the file is not read", hint: "fix those before"})
			break
		}
		docs, bad := parseIn(in, text, seg)
		for i := range docs {
			d.document(seg, i, docs[i])
		}
		if bad != nil {
			d.syntax(bad)
		}
	}
	return d.out
}

var anchorName = regexp.MustCompile(`'[^']*'`)

// syntax reports that the file, or the rest of a segment, cannot be read.
func (d *decoder) syntax(bad *textError) {
	d.out.unclear = true
	d.bad++
	message := bad.message
	if strings.Contains(string(d.text), "Secret") {
		message = anchorName.ReplaceAllString(message, "'…'") // it may be part of one
	}
	d.out.problems = append(d.out.problems, api.Problem{
		Reason: api.ReasonInvalidYAML, Severity: api.Error, Message: message, Hint: bad.hint,
		Position: api.Position{File: d.origin.name, Line: bad.line, Column: bad.column},
	})
}

func (d *decoder) document(seg segment, index int, doc document) {
	if doc.root.isNull() && len(doc.errs) == 0 {
		return
	}
	if len(doc.errs) > maxFieldErrors {
		d.syntax(&doc.errs[0].textError)
		d.syntax(&textError{line: doc.root.line, column: doc.root.column, message: "too many errors; the document is not read", hint: "fix them"})
		return
	}
	p := &place{file: d.origin, segment: seg, sum: xxhash.Sum64(d.text[seg.offset : seg.offset+seg.length]), document: index}
	d.object(p, doc.root, doc.errs, schema.GroupVersionKind{})
}

// object reads an object, or the items of a List. Given is the kind of items that do not
// name their own, as in a ServiceList.
func (d *decoder) object(p *place, n *node, errs []fieldError, given schema.GroupVersionKind) {
	p.line, p.column = n.line, n.column
	if n.kind != mapNode {
		d.unidentified(p, "", "expected an object, found "+n.kindName(), "an object begins with apiVersion and kind", errs)
		return
	}
	apiVersion, _ := n.get("apiVersion").text()
	kind, _ := n.get("kind").text()
	if apiVersion == "" && kind == "" && !given.Empty() {
		apiVersion, kind = given.ToAPIVersionAndKind()
		n = n.withKind(apiVersion, kind)
	}
	base := filepath.Base(d.origin.name)
	switch {
	case kind == "" && (base == "kustomization.yaml" || base == "kustomization.yml"):
		kind, apiVersion = "Kustomization", "kustomize.config.k8s.io/v1beta1"
	case kind == "":
		d.unidentified(p, "kind", "kind is required", "say what the object is, such as kind: Service", errs)
		return
	case apiVersion == "":
		d.unidentified(p, "apiVersion", "apiVersion is required", versionHint(kind), errs)
		return
	}
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		d.unidentified(p, "apiVersion", fmt.Sprintf("%q is not an apiVersion", apiVersion), versionHint(kind), errs)
		return
	}
	gvk := gv.WithKind(kind)
	info, known := api.Lookup(gvk)
	items := n.get("items")
	if !known && strings.HasSuffix(kind, "List") && items != nil && items.kind == listNode {
		d.list(p, items, errs, gvk)
		return
	}
	doc := d.visiting(p, n, gvk)
	defer d.in.looked()
	if !known {
		d.unknown(p, n, gvk)
		return
	}
	d.typed(p, n, errs, info, doc)
}

func (d *decoder) list(p *place, items *node, errs []fieldError, list schema.GroupVersionKind) {
	given := schema.GroupVersionKind{}
	if list.Kind != "List" {
		given = list.GroupVersion().WithKind(strings.TrimSuffix(list.Kind, "List"))
	}
	if len(p.items) > 10 {
		d.unidentified(p, "", "Lists are nested too deeply", "put the objects in one List", nil)
		return
	}
	if d.origin.recent == nil {
		d.origin.recent = new(recent)
	}
	for i, item := range items.items {
		q := *p
		q.items = append(append([]int(nil), p.items...), i)
		var inner []fieldError
		for _, e := range errs {
			if len(e.path) >= 2 && e.path[0].name == "items" && e.path[1].name == "" && e.path[1].index == i {
				inner = append(inner, fieldError{path: e.path[2:], textError: e.textError})
			}
		}
		d.object(&q, item, inner, given)
	}
	for _, e := range errs {
		if len(e.path) < 2 || e.path[0].name != "items" {
			d.out.problems = append(d.out.problems, d.fieldError(api.Key{}, e))
		}
	}
}

// unidentified reports a document that does not say which object it is.
func (d *decoder) unidentified(p *place, path, message, hint string, errs []fieldError) {
	d.out.unclear = true
	if d.bad++; d.bad > maxBad { // within one List
		return
	}
	d.out.problems = append(d.out.problems, api.Problem{
		Path: path, Reason: api.ReasonMissingField, Severity: api.Error, Message: message, Hint: hint, Position: p.start(),
	})
	for _, e := range errs {
		d.out.problems = append(d.out.problems, d.fieldError(api.Key{}, e))
	}
}

func (d *decoder) fieldError(key api.Key, e fieldError) api.Problem {
	path := ""
	for _, s := range e.path {
		path = appendStep(path, s)
	}
	return api.Problem{
		Object: key, Path: path, Reason: api.ReasonInvalidYAML, Severity: api.Error, Message: e.message, Hint: e.hint,
		Position: api.Position{File: d.origin.name, Line: e.line, Column: e.column},
	}
}

// versionHint names the apiVersion of a kind that is known.
func versionHint(kind string) string {
	for _, info := range kindsRead {
		if string(info.Kind) == kind {
			return "use " + info.GVK.GroupVersion().String()
		}
	}
	return "say which version of which API group it is"
}

// unknown warns of an object that is not read. Where its kind is but a slip away from one
// that is, it also stands for that object: so the last good version stays in effect.
func (d *decoder) unknown(p *place, n *node, gvk schema.GroupVersionKind) {
	name, _ := n.get("metadata").get("name").text()
	namespace, _ := n.get("metadata").get("namespace").text()
	e := entry{place: p, guess: true}
	path, hint := "kind", api.TestHint(gvk)
	for i := range kindsRead {
		info := &kindsRead[i]
		switch {
		case info.GVK.Group != gvk.Group: // such as the Gateway of Istio
		case string(info.Kind) == gvk.Kind:
			path = "apiVersion"
			hint = fmt.Sprintf("for %s, apiVersion %s is", gvk.Kind, info.GVK.GroupVersion())
			e.key = identity(info.Kind, namespace, name)
		case isSlip(string(info.Kind), gvk.Kind):
			hint = fmt.Sprintf("did you mean %s?", info.Kind)
			e.key = identity(info.Kind, namespace, name)
		}
	}
	if e.key.Name == "" && d.visit.says {
		return
	}
	problem := api.Problem{
		Object: api.Key{Kind: api.Kind(gvk.Kind), Namespace: namespace, Name: name},
		Path:   path, Reason: api.ReasonUnknownKind, Severity: api.Warning,
		Message:  fmt.Sprintf("kind %s of %s is not read by gateway-cp", gvk.Kind, gvk.GroupVersion()),
		Hint:     hint,
		Position: p.position(n, path),
	}
	if e.key.Name == "" {
		d.out.problems = append(d.out.problems, problem)
		return
	}
	e.problems = []api.Problem{problem}
	d.out.entries = append(d.out.entries, e)
}

// isSlip says whether one letter makes a kind of another, or two swapped ones.
func isSlip(a, b string) bool {
	return len(a)-len(b) <= 1 && len(b)-len(a) <= 1 && nearest.Distance(a, b) == 1
}

var kindsRead = api.Kinds()

// identity is the key of an object; objects without a namespace are in "default".
func identity(kind api.Kind, namespace, name string) api.Key {
	switch {
	case api.ClusterScoped(kind):
		namespace = ""
	case namespace == "":
		namespace = "default"
	}
	return api.Key{Kind: kind, Namespace: namespace, Name: name}
}

// typed reads an object of a kind that is known, and admits it. Doc is its JSON, if that is made.
func (d *decoder) typed(p *place, n *node, errs []fieldError, info api.KindInfo, doc []byte) {
	name, _ := n.get("metadata").get("name").text()
	namespace, _ := n.get("metadata").get("namespace").text()
	e := entry{key: identity(info.Kind, namespace, name), place: p}
	for _, bad := range errs {
		e.problems = append(e.problems, d.fieldError(e.key, bad))
	}
	value := info.New()
	var err error
	if doc == nil {
		doc, err = d.json(n)
	}
	if err != nil {
		e.problems = append(e.problems, api.Problem{
			Object: e.key, Reason: api.ReasonInvalidYAML, Severity: api.Error, Message: err.Error(), Hint: "write the values out", Position: p.start(),
		})
	} else {
		e.problems = append(e.problems, d.admit(p, n, doc, value, e.key)...)
	}
	if e.key.Name == "" {
		d.out.unclear = true
		d.out.problems = append(d.out.problems, e.problems...)
		return
	}
	if !admission.HasError(e.problems) {
		source.Share(value)
		if d.visit.keep != nil {
			value = d.visit.keep(value)
		}
		e.admitted, e.value, e.hash = true, value, xxhash.Sum64(doc)
		if d.visit.documents {
			e.doc = bytes.Clone(doc)
		}
	}
	d.out.entries = append(d.out.entries, e)
}

func (d *decoder) admit(p *place, n *node, doc []byte, value api.Value, key api.Key) []api.Problem {
	problems := admitJSON(n, doc, value, key)
	for i := range problems {
		if problems[i].Position == (api.Position{}) {
			problems[i].Position = p.position(n, problems[i].Path)
		}
		problems[i].Position.File = d.origin.name
	}
	return problems
}

// admitJSON decodes and admits an object. Problems without a line have none yet.
func admitJSON(n *node, doc []byte, value api.Value, key api.Key) []api.Problem {
	complete, err := decodeTyped(n, doc, value)
	if err == nil {
		return admission.Admit(value)
	}
	secret := key.Kind == api.KindSecret
	var problems []api.Problem
	if n != nil {
		for _, f := range explain(n, value, secret) {
			problems = append(problems, api.Problem{
				Object: key, Path: f.path, Reason: f.reason, Severity: api.Error, Message: f.message, Hint: f.hint,
				Position: api.Position{Line: f.line, Column: f.column},
			})
		}
	}
	if key.Name == "" && !slices.ContainsFunc(problems, func(p api.Problem) bool { return p.Path == "metadata.name" }) {
		problems = append(problems, api.Problem{
			Object: key, Path: "metadata.name", Reason: api.ReasonMissingField, Severity: api.Error, Message: "is required", Hint: "give the object a name",
		})
	}
	if complete {
		problems = append(problems, besides(n, problems, admission.Admit(value))...)
	}
	if !admission.HasError(problems) {
		message := strings.TrimPrefix(err.Error(), "json: ")
		if secret {
			message = "the object cannot be read as a " + reflect.TypeOf(value).Elem().Name()
		}
		problems = append(problems, api.Problem{Object: key, Reason: api.ReasonInvalidField, Severity: api.Error, Message: message})
	}
	return problems
}

// besides gives what is wrong with an object apart from its unknown fields. What is said of
// a field that is not written, beside one that is unknown, is most likely about that one.
func besides(n *node, unknown, admitted []api.Problem) []api.Problem {
	return slices.DeleteFunc(admitted, func(p api.Problem) bool {
		return n == nil || !n.has(p.Path) && slices.ContainsFunc(unknown, func(u api.Problem) bool {
			return parentPath(u.Path) == parentPath(p.Path)
		})
	})
}

func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
