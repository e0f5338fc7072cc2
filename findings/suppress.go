package findings

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/nearest"
)

// IgnoreAnnotation silences findings about an object, also in JSON, which has no comments.
// Its value is as what follows gateway-cp:ignore in a comment; several are on lines of their
// own or separated by semicolons.
const IgnoreAnnotation = "gateway-cp.io/ignore"

// Notes are what files say about the findings in them. They are collected by several
// goroutines at once, and then used by one.
//
// A comment
//
//	# gateway-cp:ignore REASON why that is fine
//
// silences findings with the reason: in the whole document, where it stands over the first
// line of it; in the next line, where it stands alone; in its own line, where it stands at the
// end of one.
type Notes struct {
	mu      sync.Mutex
	files   map[string]*fileNotes
	objects map[place][]*ignore
	all     []*ignore // of annotations
}

// fileNotes are those of one file.
type fileNotes struct {
	docs    []document // with something in it, in order
	lines   map[int][]*ignore
	ignores []*ignore
}

// place is an object in a file. Its namespace is left out: it may not be written.
type place struct {
	file string
	kind api.Kind
	name string
}

// ignore is one suppression.
type ignore struct {
	at        api.Position
	object    api.Key // of the annotation
	namespace string
	reason    api.Reason
	wrong     string // why it has no effect
	hint      string
	used      bool
	unknown   bool // an error keeps what it is about from being looked at as a whole
}

// ReadFile takes the text of a file.
func (n *Notes) ReadFile(file string, text []byte) {
	notes := scan(file, text)
	if notes == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.files == nil {
		n.files = map[string]*fileNotes{}
	}
	n.files[file] = notes
}

// ReadAnnotation takes the value of an object's IgnoreAnnotation, and where it stands. The
// namespace of the object is as written, perhaps empty.
func (n *Notes) ReadAnnotation(object api.Key, value string, at api.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.objects == nil {
		n.objects = map[place][]*ignore{}
	}
	p := place{at.File, object.Kind, object.Name}
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == ';' }) {
		for _, i := range readIgnore(part, at) {
			i.object, i.namespace = object, object.Namespace
			n.objects[p] = append(n.objects[p], i)
			n.all = append(n.all, i)
		}
	}
}

// Source gives what the document at a position was made from, as helm template says in a
// comment; empty when that is not known.
func (n *Notes) Source(at api.Position) string {
	if doc := n.files[at.File].document(at.Line); doc != nil {
		return doc.source
	}
	return ""
}

// document gives the notes about the document that a line is in; nil when there are none.
func (f *fileNotes) document(line int) *document {
	if f == nil {
		return nil
	}
	i, exact := slices.BinarySearchFunc(f.docs, line, func(d document, line int) int { return d.from - line })
	if !exact {
		i--
	}
	if i < 0 || line > f.docs[i].to {
		return nil
	}
	return &f.docs[i]
}

// Apply takes the findings away that are silenced, and says how many. It fills in Source.
func (n *Notes) Apply(list []Finding) (kept []Finding, silenced int) {
	kept = make([]Finding, 0, len(list))
	for _, f := range list {
		f.Source = n.Source(f.Position)
		if n.silences(&f) {
			silenced++
			continue
		}
		kept = append(kept, f)
	}
	return kept, silenced
}

func (n *Notes) silences(f *Finding) bool {
	if f.Position.File == "" && len(n.objects) == 0 || f.Reason == "" {
		return false
	}
	silenced := false
	unknown := func(ignores []*ignore) {
		for _, i := range ignores {
			i.unknown = i.unknown || f.Severity == api.Error
		}
	}
	match := func(ignores []*ignore) {
		for _, i := range ignores {
			if i.reason == f.Reason && (i.namespace == "" || i.namespace == f.Object.Namespace) {
				i.used, silenced = true, true
			}
		}
	}
	if notes := n.files[f.Position.File]; notes != nil {
		match(notes.lines[f.Position.Line])
		if doc := notes.document(f.Position.Line); doc != nil {
			match(doc.ignores)
			unknown(doc.inside)
		}
	}
	annotated := n.objects[place{f.Position.File, f.Object.Kind, f.Object.Name}]
	match(annotated)
	unknown(annotated)
	return silenced
}

// Problems are warnings about suppressions that have no effect: badly written ones, and those
// that nothing was found for. Unchecked says that a reason was not looked for this time; where an
// object has errors, some checks were not made of it either, and nothing is called unused.
func (n *Notes) Problems(unchecked func(api.Reason) bool) []api.Problem {
	var problems []api.Problem
	all := slices.Clone(n.all)
	for _, f := range n.files {
		all = append(all, f.ignores...)
	}
	for _, i := range all {
		p := api.Problem{Object: i.object, Severity: api.Warning, Position: i.at}
		switch {
		case i.wrong != "":
			p.Reason, p.Message, p.Hint = api.ReasonInvalidSuppression, i.wrong, i.hint
		case !i.used && !i.unknown && !unchecked(i.reason):
			p.Reason = api.ReasonUnusedSuppression
			p.Message = fmt.Sprintf("there is no %s here to ignore", i.reason)
			p.Hint = "remove it, or move it over the line, or the document, that it is about"
		default:
			continue
		}
		problems = append(problems, p)
	}
	slices.SortFunc(problems, api.Problem.Compare)
	return problems
}

// Lasting says whether findings with a reason can neither be silenced, nor be in a baseline,
// nor have another severity: what cannot even be read must not pass as checked.
func Lasting(reason api.Reason) bool {
	switch reason {
	case api.ReasonFileUnreadable, api.ReasonFileTooLarge, api.ReasonInvalidYAML:
		return true
	}
	return false
}

// readIgnore reads what follows the word: a reason, or several with commas, and why.
func readIgnore(text string, at api.Position) []*ignore {
	text = strings.TrimSpace(text)
	names, why := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		names, why = text[:i], strings.TrimSpace(text[i:])
	}
	const form = "write it as: gateway-cp:ignore REASON why that is fine"
	if names == "" {
		return []*ignore{{at: at, wrong: "the suppression does not say which reason it ignores", hint: form}}
	}
	var out []*ignore
	for _, name := range strings.Split(names, ",") {
		i := &ignore{at: at}
		_, known := api.Explain(api.Reason(name))
		switch {
		case !known:
			i.wrong = fmt.Sprintf("there is no reason %q", name)
			i.hint = "gateway-cp help reason lists them"
			if near := nearest.Name(name, reasonNames()); near != "" {
				i.hint = "did you mean " + near + "?"
			}
		case Lasting(api.Reason(name)):
			i.wrong, i.hint = name+" cannot be ignored: what cannot be read is not checked at all", "fix it, or leave the file out"
		case why == "":
			i.wrong, i.hint = "the suppression of "+name+" does not say why", form
		default:
			i.reason = api.Reason(name)
		}
		out = append(out, i)
	}
	return out
}

// reasonNames gives the names of all reasons.
func reasonNames() []string {
	names := make([]string, len(api.Reasons))
	for i, info := range api.Reasons {
		names[i] = string(info.Reason)
	}
	return names
}
