package traffic

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/resource"
)

// ResourceChange is a resource that an Envoy would be sent in another form. Was or Now is nil where
// there is none. What Envoy's API marks as sensitive is overwritten in both.
type ResourceChange struct {
	Type     resource.Type
	Name     string
	Was, Now proto.Message
}

// DiffResources compares what one Envoy would be sent, sorted by type and name.
func DiffResources(was, now *Translation, of Viewer) ([]ResourceChange, error) {
	differs := map[resource.Ref]bool{}
	old := map[resource.Key][]byte{}
	for _, e := range was.Entries(of) {
		old[anyAudience(e.Key)] = e.Output.Bytes
		differs[resource.Ref{Type: e.Key.Type, Name: e.Key.Name}] = false
	}
	for _, e := range now.Entries(of) {
		k := anyAudience(e.Key)
		if data, both := old[k]; !both || !bytes.Equal(data, e.Output.Bytes) {
			differs[resource.Ref{Type: k.Type, Name: k.Name}] = true
		}
		delete(old, k)
	}
	for k := range old {
		differs[resource.Ref{Type: k.Type, Name: k.Name}] = true
	}
	maps.DeleteFunc(differs, func(_ resource.Ref, d bool) bool { return !d })
	before, err := wholes(was, of, differs)
	if err != nil {
		return nil, err
	}
	after, err := wholes(now, of, differs)
	if err != nil {
		return nil, err
	}
	var all []ResourceChange
	for ref := range differs {
		c := ResourceChange{Type: ref.Type, Name: ref.Name, Was: before[ref], Now: after[ref]}
		if c.Was != nil && c.Now != nil && proto.Equal(c.Was, c.Now) {
			continue // the difference was one that is not shown
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b ResourceChange) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

// anyAudience is a key without its audience: what an Envoy sees.
func anyAudience(k resource.Key) resource.Key {
	k.Audience = resource.Audience{}
	return k
}

// wholes puts some resources together, without secrets.
func wholes(t *Translation, of Viewer, some map[resource.Ref]bool) (map[resource.Ref]proto.Message, error) {
	part := &Translation{origins: t.origins}
	for _, e := range t.entries {
		if some[resource.Ref{Type: e.Key.Type, Name: e.Key.Name}] {
			part.entries = append(part.entries, e)
		}
	}
	pieces, err := Pieces(part, of)
	if err != nil {
		return nil, err
	}
	all := map[resource.Ref]proto.Message{}
	for _, p := range pieces {
		all[resource.Ref{Type: p.Key.Type, Name: p.Key.Name}] = nil
	}
	refs := make([]resource.Ref, 0, len(all))
	for _, p := range pieces { // Join keeps the order of the pieces
		ref := resource.Ref{Type: p.Key.Type, Name: p.Key.Name}
		if n := len(refs); n == 0 || refs[n-1] != ref {
			refs = append(refs, ref)
		}
	}
	for i, m := range Join(pieces) {
		if err := Redact(m); err != nil {
			return nil, err
		}
		all[refs[i]] = m
	}
	return all, nil
}
