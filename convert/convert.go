package convert

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Options say what the manifests do not.
type Options struct {
	// Stable and Canary are the labels that set the Pods of the two versions apart. Without them: version: stable, and
	// version: canary.
	Stable, Canary map[string]string
}

// Result is what manifests come to.
type Result struct {
	Rollouts []*v1alpha1.Rollout `json:"rollouts"`
	Notes    []Note              `json:"notes"`

	used map[string]bool // the rows of Fields that were
}

// Note is about a field that is not in the Rollout.
type Note struct {
	Object string `json:"object"` // kind namespace/name
	Path   string `json:"path"`
	// Lost says that what the field does is not done any more; otherwise it is done elsewhere, or is not needed.
	Lost    bool   `json:"lost"`
	Message string `json:"message"`
}

func (n Note) String() string {
	what := "not needed"
	if n.Lost {
		what = "not carried over"
	}
	return fmt.Sprintf("%s: %s: %s: %s", n.Object, n.Path, what, n.Message)
}

// Lost says whether something was not carried over.
func (r Result) Lost() bool {
	return slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Lost })
}

// ErrInput means that what was read is not what can be converted: the message says why.
var ErrInput = errors.New("cannot be converted")

// Convert converts the documents of a YAML or JSON stream. Errors wrap ErrInput.
func Convert(manifests []byte, o Options) (Result, error) {
	c := &conversion{options: o, templates: map[string]object{}}
	c.result.used = map[string]bool{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	var todo []object
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var value map[string]any
		if err == nil {
			err = yaml.Unmarshal(doc, &value)
		}
		if err != nil {
			return Result{}, fmt.Errorf("%w: document %d: %w", ErrInput, n, err)
		}
		if len(value) == 0 {
			continue
		}
		todo = append(todo, c.sort(value)...)
	}
	if len(todo) == 0 {
		return Result{}, fmt.Errorf("%w: there is neither a Rollout of argoproj.io nor a Canary of flagger.app", ErrInput)
	}
	for _, from := range todo {
		if from.kind() == "Canary" {
			c.flagger(from)
		} else {
			c.argo(from)
		}
	}
	for _, t := range c.order {
		c.account(t, argoTemplate)
	}
	slices.SortStableFunc(c.result.Notes, func(a, b Note) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Path, b.Path))
	})
	c.result.Notes = slices.Compact(c.result.Notes)
	return c.result, nil
}

// conversion is one call of Convert.
type conversion struct {
	options   Options
	templates map[string]object // AnalysisTemplates, by kind and name
	order     []object          // of templates
	result    Result
}

// sort gives the objects to convert, and keeps what these refer to.
func (c *conversion) sort(o object) (todo []object) {
	if items, ok := o["items"].([]any); ok && strings.HasSuffix(o.kind(), "List") {
		for _, item := range items {
			if m, ok := item.(map[string]any); ok {
				todo = append(todo, c.sort(m)...)
			}
		}
		return todo
	}
	group, _, _ := strings.Cut(o.text("apiVersion"), "/")
	switch kind := o.kind(); {
	case group == "argoproj.io" && kind == "Rollout", group == "flagger.app" && kind == "Canary":
		return []object{o}
	case group == "argoproj.io" && (kind == "AnalysisTemplate" || kind == "ClusterAnalysisTemplate"):
		c.templates[kind+"/"+o.in("metadata").text("name")] = o
		c.order = append(c.order, o)
	default:
		c.note(o, "kind", false, "a %s stays as it is, and is not looked at", cmp.Or(kind, "document without a kind"))
	}
	return nil
}

// start makes the Rollout that the others fill.
func (c *conversion) start(o object, service string) *v1alpha1.Rollout {
	meta := o.in("metadata")
	r := &v1alpha1.Rollout{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Rollout"},
		ObjectMeta: metav1.ObjectMeta{Name: meta.text("name"), Namespace: meta.text("namespace"), Labels: meta.texts("labels")},
	}
	r.Annotations = meta.texts("annotations")
	delete(r.Annotations, "kubectl.kubernetes.io/last-applied-configuration")
	if len(r.Annotations) == 0 {
		r.Annotations = nil
	}
	stable, canary := c.options.Stable, c.options.Canary
	if len(stable) == 0 {
		stable = map[string]string{"version": "stable"}
	}
	if len(canary) == 0 {
		canary = map[string]string{"version": "canary"}
	}
	r.Spec.TargetRef = v1alpha1.TargetRef{Name: service}
	r.Spec.Versions = []v1alpha1.Version{{Name: "stable", Selector: stable}, {Name: "canary", Selector: canary}}
	c.result.Rollouts = append(c.result.Rollouts, r)
	return r
}

func (c *conversion) note(o object, path string, lost bool, format string, args ...any) {
	c.result.Notes = append(c.result.Notes, Note{Object: o.name(), Path: path, Lost: lost, Message: fmt.Sprintf(format, args...)})
}

// account makes notes of the fields of an object that the table does not carry over, and of those that it does not know.
func (c *conversion) account(o object, rows []Field) {
	for _, leaf := range leaves("", map[string]any(o)) {
		row := longest(rows, leaf)
		switch {
		case row == nil:
			c.note(o, leaf, true, "it is not known")
			continue
		case row.To == "" && !row.Lost:
			c.note(o, row.From, false, "%s", row.Note)
		case row.To == "":
			c.note(o, row.From, true, "%s", row.Note)
		}
		c.result.used[row.From] = true
	}
}

// longest finds the row that says most about a path.
func longest(rows []Field, path string) (found *Field) {
	for i, r := range rows {
		if (path == r.From || strings.HasPrefix(path, r.From+".") || strings.HasPrefix(path, r.From+"[]")) && (found == nil || len(r.From) > len(found.From)) {
			found = &rows[i]
		}
	}
	return found
}

// leaves gives the paths of the values in an object, those of lists with [] for all of their entries.
func leaves(path string, v any) (all []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			all = append(all, leaves(strings.TrimPrefix(path+"."+name, "."), value)...)
		}
		if len(v) > 0 {
			return all
		}
	case []any:
		for _, value := range v {
			all = append(all, leaves(path+"[]", value)...)
		}
		if len(v) > 0 {
			return all
		}
	}
	return []string{path}
}
