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
	// JSON is the object, as Kubernetes would read it. It is shared, and must not be changed.
	JSON []byte
	// Origin finds the lines of its fields.
	Origin api.Origin
}

// visitor is shown what is read, by several goroutines at once. Its functions may be nil.
type visitor struct {
	object func(Document)
	text   func(file string, text []byte)
	keep   func(api.Value) api.Value // see Options.Keep
	// documents says that the text of objects is wanted, to be stored.
	documents bool
}

// visiting hands an object to whoever wants to see all of them, such as a check against the
// schemas of kinds that are not read here. One whose anchors expand to too much is left out:
// that is a problem of its own.
func (d *decoder) visiting(p *place, n *node, gvk schema.GroupVersionKind) {
	if d.visit.object == nil {
		return
	}
	doc, err := n.appendJSON(nil, max(8<<20, 4*len(d.text)))
	if err != nil {
		return
	}
	name, _ := n.get("metadata").get("name").text()
	namespace, _ := n.get("metadata").get("namespace").text()
	d.visit.object(Document{
		GVK: gvk, Key: api.Key{Kind: api.Kind(gvk.Kind), Namespace: namespace, Name: name}, JSON: doc, Origin: newOrigin(p),
	})
}
