package files

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
)

// Document is one object as it is written, whatever its kind.
type Document struct {
	GVK schema.GroupVersionKind
	// Key has the namespace and name as written; both may be empty.
	Key api.Key
	// JSON is the object, as Kubernetes would read it. It is shared, and must not be changed; once the
	// visit is over, something else is there.
	JSON []byte
	// Content gives the same, decoded: whole numbers are int64. It is shared, and must not be changed;
	// Copy gives one that may be. Once the visit is over, the maps and lists are others'. They give nil
	// where only decoding JSON tells what is wrong, and once the visit is over.
	Content, Copy func() map[string]any
	// Into reads it into an object of a Go type that is made for its kind, and empty. It is false where
	// only decoding JSON tells what is wrong, and once the visit is over; then there may be something in
	// the object.
	Into func(object any) bool
	// Origin finds the lines of its fields.
	Origin api.Origin
}

// visitor is shown what is read, by several goroutines at once. Its functions may be nil.
type visitor struct {
	object func(Document)
	says   bool // see LoadOptions.VisitSays
	text   func(file string, text []byte)
	keep   func(api.Value) api.Value // see Options.Keep
	// once says that nobody asks how the files differ from a Git commit: they are read this once.
	once bool
	// documents says that the text of objects is wanted, to be stored.
	documents bool
}

// visiting hands an object to whoever wants to see all of them, such as a check against the
// schemas of kinds that are not read here. One whose anchors expand to too much is left out:
// that is a problem of its own. It gives the JSON; nil when it was not made.
func (d *decoder) visiting(p *place, n *node, gvk schema.GroupVersionKind) (doc []byte) {
	if d.visit.object == nil {
		return nil
	}
	doc, err := d.json(n)
	if err != nil {
		return nil
	}
	name, _ := n.get("metadata").get("name").text()
	namespace, _ := n.get("metadata").get("namespace").text()
	s := &shown{node: n, in: d.in}
	d.visit.object(Document{
		GVK: gvk, Key: api.Key{Kind: api.Kind(gvk.Kind), Namespace: namespace, Name: name}, JSON: doc,
		Content: s.content, Copy: s.copy, Into: s.into, Origin: newOrigin(p),
	})
	*s = shown{}
	return doc
}

// shown is what a visitor may look at while it is there.
type shown struct {
	node   *node
	in     *arena
	shared map[string]any // for all who do not change it
}

func (s *shown) content() map[string]any {
	if s.shared == nil {
		s.shared = s.copy()
	}
	return s.shared
}

func (s *shown) copy() map[string]any {
	if s.node == nil {
		return nil
	}
	return s.node.content(s.in)
}

func (s *shown) into(object any) bool { return s.node != nil && s.node.into(object) }

// json gives the JSON of an object, which is gone once the arena has been looked at.
func (d *decoder) json(n *node) (doc []byte, err error) {
	d.in.json, err = n.appendJSON(d.in.json[:0], max(8<<20, 4*len(d.text)))
	return d.in.json, err
}
