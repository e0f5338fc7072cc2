package translator

import (
	"fmt"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// Origin is the field of an object that something in a resource comes from.
type Origin struct {
	Object api.Key
	Path   string // as in api.Problem; empty: the whole object
}

// Origins say where a resource, or a part of one, comes from. They stand beside the bytes,
// for people: Envoy never sees them, and a change of them alone changes nothing for it.
type Origins struct {
	// Of the whole: the field that called for it first.
	Of []Origin
	// Routes are those of the routes of the virtual hosts in a part, in their order, all
	// virtual hosts of the part one after the other.
	Routes []Origin
}

// Origins calls f with the origins of every resource output that stands, in no particular
// order. Where a feature says nothing special, they are the objects of Output.Sources.
func (t *Translator) Origins(f func(resource.Key, Origins)) {
	t.results(func(k *kept) {
		if k.output == nil {
			return
		}
		var o Origins
		if k.more != nil {
			o = k.more.origins
		}
		if len(o.Of) == 0 {
			for _, k := range k.output.Sources {
				o.Of = append(o.Of, Origin{Object: k})
			}
		}
		f(k.key, o)
	})
}

// from adds origins to a result.
func (r Result) from(of ...Origin) Result {
	r.Origins.Of = of
	return r
}

// origin of a Gateway's listener.
func (l *gatewayListener) origin() Origin {
	return Origin{l.key(), fmt.Sprintf("spec.listeners[%d]", l.index)}
}

func originsOf(listeners []*gatewayListener) []Origin {
	var all []Origin
	for _, l := range listeners {
		all = append(all, l.origin())
	}
	return all
}

// origin of a match of a route; of the rule where it has no matches.
func (e entry) origin() Origin {
	path := fmt.Sprintf("spec.rules[%d]", e.rule)
	if len(e.route.Spec.Rules[e.rule].Matches) > 0 {
		path += fmt.Sprintf(".matches[%d]", e.match)
	}
	return Origin{api.Key{Kind: api.KindHTTPRoute, Namespace: e.route.Namespace, Name: e.route.Name}, path}
}
