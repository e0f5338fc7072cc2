package xds

import (
	"maps"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/resource"
)

// servedTypes are the types that the simulation is about.
var servedTypes = []resource.Type{resource.Cluster, resource.Endpoint, resource.Scope, resource.Route, resource.Listener}

// earlierOf is what an Envoy had when it began to settle, if nothing was on its way then.
type earlierOf [resource.NumTypes]map[string]*composed

func (u *under) remember() (had earlierOf) {
	if len(u.mail)+len(u.answers) > 0 {
		return had
	}
	for t, all := range u.has {
		had[t] = maps.Clone(all)
	}
	return had
}

// converged checks an Envoy that has come to rest: it has the newest of everything that it does
// not refuse, of what it refuses the last good version, and nothing more.
func (u *under) converged(had earlierOf) {
	for _, t := range servedTypes {
		for _, name := range slices.Sorted(maps.Keys(u.has[t])) {
			u.mayHave(t, name)
		}
	}
	for k, out := range u.at.have {
		if k.Type == resource.Endpoint && !u.subs[k.Name] || k.Type == resource.Route && !u.routes[k.Name] {
			continue
		}
		if k.Part == "" {
			u.mustHave(k, out, had)
		} else if u.has[k.Type][k.Name] != nil {
			u.mustHavePart(k, out, had)
		}
	}
}

// mayHave checks that a resource which the Envoy has is still one that it shall have; or a
// cluster that something uses which could not be replaced, or may.
func (u *under) mayHave(t resource.Type, name string) {
	k := resource.Key{Type: t, Audience: audience, Name: name}
	if t == resource.Endpoint {
		k.Audience = resource.Everyone
	}
	if head := u.at.have[k]; head != nil {
		for _, p := range u.has[t][name].parts {
			k.Part = p.part
			if u.at.have[k] == nil && u.has[t][name].head.hash == hashOf(head.Bytes) && u.deliverable(k) {
				u.t.Fatalf("Envoy %s still has part %q of %s %s, which is gone", u.s.node.ID, p.part, t, name)
			}
		}
		return
	}
	id := u.s.store.names.find(name)
	switch {
	case t == resource.Cluster && (u.uses[name] > 0 || u.s.unknown > 0 || u.s.isNamed(id)):
	case t == resource.Endpoint && u.has[resource.Cluster][name] != nil:
	case t == resource.Route && u.routes[name]: // a listener names it that could not be replaced
	default:
		u.t.Fatalf("Envoy %s still has %s %s, which is gone", u.s.node.ID, t, name)
	}
}

// mustHave checks the head of a resource that shall be there.
func (u *under) mustHave(k resource.Key, out *resource.Output, had earlierOf) {
	has := u.has[k.Type][k.Name]
	switch {
	case has != nil && has.head.hash == hashOf(out.Bytes):
	case u.bad[hashOf(out.Bytes)]:
		if has == nil && had[k.Type][k.Name] != nil {
			u.t.Fatalf("Envoy %s has lost %s %s, of which it refuses the newest version", u.s.node.ID, k.Type, k.Name)
		}
	case has == nil && !u.deliverable(k):
	default:
		u.t.Fatalf("%s %s has not come to Envoy %s: %s", k.Type, k.Name, u.s.node.ID, u.explain(k))
	}
}

// deliverable says whether an Envoy can have a resource: parts of which none can be delivered
// are not.
func (u *under) deliverable(k resource.Key) bool {
	if h, _ := u.s.held(k.Type, u.s.store.names.find(k.Name)); h.unknown != "" {
		return u.allUsable(k) // it keeps all of a version that is not known here
	}
	if k.Type == resource.Endpoint || k.Type == resource.Cluster || k.Type == resource.Listener {
		return true
	}
	parts, can := 0, 0
	for p, out := range u.at.have {
		if p.Type == k.Type && p.Name == k.Name && p.Part != "" {
			parts++
			if u.usable(out) || !u.bad[hashOf(out.Fallback)] {
				can++
			}
		}
	}
	return parts == 0 || can > 0
}

// allUsable says whether all parts of a resource can be delivered.
func (u *under) allUsable(k resource.Key) bool {
	for p, out := range u.at.have {
		if p.Type == k.Type && p.Name == k.Name && p.Part != "" && !u.usable(out) {
			return false
		}
	}
	return true
}

// usable says whether a part can be delivered to the Envoy as it is.
func (u *under) usable(out *resource.Output) bool {
	if out.Invalid || u.bad[hashOf(out.Bytes)] {
		return false
	}
	for _, ref := range out.Clusters {
		if u.has[resource.Cluster][ref.Name] == nil {
			return false // it is refused, or its endpoints are
		}
		newest := u.at.have[resource.Key{Type: resource.Cluster, Audience: audience, Name: ref.Name}]
		if newest != nil && u.bad[hashOf(newest.Bytes)] && u.recorded[resource.Cluster][ref.Name] == "" {
			return false // it is refused, and nobody can know that there is one of a refused response
		}
	}
	return true
}

// mustHavePart checks a part: the newest if it can be delivered, else what there was before, or
// what stands in for it.
func (u *under) mustHavePart(k resource.Key, out *resource.Output, had earlierOf) {
	whole := u.has[k.Type][k.Name]
	has, before := whole.get(k.Part), had[k.Type][k.Name].get(k.Part)
	head := u.at.have[resource.Key{Type: k.Type, Audience: k.Audience, Name: k.Name}]
	switch {
	case has != nil && has.hash == hashOf(out.Bytes):
	case head == nil || whole.head.hash != hashOf(head.Bytes) || !u.deliverable(k): // the whole is held back
	case u.usable(out):
		u.t.Fatalf("%s %s part %q has not come to Envoy %s: %s", k.Type, k.Name, k.Part, u.s.node.ID, u.explain(k))
	case has == nil && before != nil && !u.bad[before.hash]:
		u.t.Fatalf("Envoy %s has lost part %q of %s %s, whose newest version it cannot have", u.s.node.ID, k.Part, k.Type, k.Name)
	}
}

// explain says what the server thinks.
func (u *under) explain(k resource.Key) string {
	target := u.s.store.find(u.s.audiences, k.Type, k.Name)
	if target == nil {
		return "the server does not have it"
	}
	return strings.Join(u.s.whyOther(resource.Ref{Type: k.Type, Name: k.Name}, target), "; ")
}
