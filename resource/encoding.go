package resource

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Encoding turns whole messages of Envoy's API into entries. The zero Encoding is that of
// resources for everyone.
type Encoding struct {
	// Audience is which Envoys see them.
	Audience Audience
	// Bootstrap are clusters that Envoys have from elsewhere, such as those of their bootstraps:
	// nothing waits for them.
	Bootstrap []string
	// Drain is how long clusters are kept on an Envoy after nothing there names them any more.
	Drain time.Duration
}

// Entries encodes a message: a Cluster, ClusterLoadAssignment, Secret, Listener,
// ScopedRouteConfiguration or RouteConfiguration. What it refers to is found in it, also in what is
// wrapped in an Any, and a Cluster with health checks is known to have them.
//
// Where the filter chains of a Listener, or the virtual hosts of routes, have names of their own,
// each becomes a part, which waits, and is refused, by itself; a virtual host that never could be
// delivered answers 503. The entries are sorted by their keys.
//
// The message is not kept, and not changed. An error names the resource and the field: it has no
// name, fails its generated validation, or has an Any of a type that is not linked into the
// program.
func (e Encoding) Entries(message proto.Message) ([]Entry, error) {
	kind, ok := TypeByURL("type.googleapis.com/" + string(message.ProtoReflect().Descriptor().FullName()))
	if !ok {
		return nil, fmt.Errorf("%s is no type of resource that is served", message.ProtoReflect().Descriptor().FullName())
	}
	name := nameOf(message.ProtoReflect())
	if name == "" {
		return nil, fmt.Errorf("a %s has no name", kind)
	}
	entries, err := e.entries(Key{Type: kind, Audience: e.Audience, Name: name}, message)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return entries, nil
}

func (e Encoding) entries(key Key, message proto.Message) ([]Entry, error) {
	if err := validate(message); err != nil {
		return nil, err
	}
	head := proto.Clone(message).ProtoReflect()
	parts := cut(key.Type, head)
	out := make([]Entry, 0, 1+len(parts))
	for _, content := range append([]part{{message: head}}, parts...) {
		output, err := e.output(key.Type, content.message)
		if err != nil {
			return nil, err
		}
		if content.fallback != nil {
			if output.Fallback, err = encode(content.fallback.Interface()); err != nil {
				return nil, err
			}
		}
		key.Part = content.name
		out = append(out, Entry{key, output})
	}
	return ChangeSet{out}.Sorted().Entries, nil
}

func (e Encoding) output(kind Type, m protoreflect.Message) (*Output, error) {
	refs := references{known: e.Bootstrap}
	if err := refs.walk(m); err != nil {
		return nil, err
	}
	out := &Output{}
	if kind == Cluster {
		refs.ofCluster(m)
		out.HealthChecked = m.Has(m.Descriptor().Fields().ByName("health_checks"))
		out.Drain = e.Drain
	}
	out.Clusters, out.Fetches = refs.clusters, refs.fetches
	if kind == Scope {
		out.Fetches = append(out.Fetches, routeOf(m)...)
	}
	var err error
	out.Bytes, err = encode(m.Interface())
	return out, err
}

// nameOf is the name of a resource, in whichever field its type has it.
func nameOf(m protoreflect.Message) string {
	for _, f := range []protoreflect.Name{"name", "cluster_name"} {
		if f := m.Descriptor().Fields().ByName(f); f != nil {
			return m.Get(f).String()
		}
	}
	return ""
}

// routeOf is the route configuration that a scope names instead of having it in itself.
func routeOf(scope protoreflect.Message) []Ref {
	if name := scope.Get(scope.Descriptor().Fields().ByName("route_configuration_name")).String(); name != "" {
		return []Ref{{Route, name}}
	}
	return nil
}

// part is one element of a resource, in a message of the resource's type with nothing else.
type part struct {
	name              string
	message, fallback protoreflect.Message
}

// partPaths lead from a resource to its parts.
var partPaths = [NumTypes]string{
	Listener: "filter_chains",
	Scope:    "route_configuration.virtual_hosts",
	Route:    "virtual_hosts",
}

// cut takes the parts out of a resource, and leaves its head. It leaves a resource whole whose
// parts have no names, or not each its own.
func cut(kind Type, m protoreflect.Message) []part {
	if partPaths[kind] == "" {
		return nil
	}
	path := strings.Split(partPaths[kind], ".")
	field := func(m protoreflect.Message, i int) protoreflect.FieldDescriptor {
		return m.Descriptor().Fields().ByName(protoreflect.Name(path[i]))
	}
	last := len(path) - 1
	around := m
	for i := range last {
		if !around.Has(field(around, i)) {
			return nil
		}
		around = around.Get(field(around, i)).Message()
	}
	list := around.Get(field(around, last)).List()
	if !distinct(list) {
		return nil
	}
	alone := func(element protoreflect.Message) protoreflect.Message {
		whole := m.Type().New()
		inner := whole
		for i := range last {
			inner = inner.Mutable(field(inner, i)).Message()
		}
		inner.Mutable(field(inner, last)).List().Append(protoreflect.ValueOfMessage(element))
		return whole
	}
	parts := make([]part, list.Len())
	for i := range parts {
		element := list.Get(i).Message()
		parts[i] = part{name: nameOf(element), message: alone(element)}
		if kind != Listener {
			parts[i].fallback = alone(unavailable(element))
		}
	}
	around.Clear(field(around, last))
	return parts
}

// distinct says whether all elements have names, each its own.
func distinct(list protoreflect.List) bool {
	names := map[string]bool{"": true}
	for i := range list.Len() {
		name := nameOf(list.Get(i).Message())
		if names[name] {
			return false
		}
		names[name] = true
	}
	return true
}

// unavailable is a virtual host with the same domains that answers 503.
func unavailable(host protoreflect.Message) protoreflect.Message {
	answer := host.New()
	fields := host.Descriptor().Fields()
	for _, name := range []protoreflect.Name{"name", "domains"} {
		answer.Set(fields.ByName(name), host.Get(fields.ByName(name)))
	}
	route := answer.Mutable(fields.ByName("routes")).List().AppendMutable().Message()
	in := func(m protoreflect.Message, name protoreflect.Name) protoreflect.Message {
		return m.Mutable(m.Descriptor().Fields().ByName(name)).Message()
	}
	match, response := in(route, "match"), in(route, "direct_response")
	match.Set(match.Descriptor().Fields().ByName("prefix"), protoreflect.ValueOfString("/"))
	response.Set(response.Descriptor().Fields().ByName("status"), protoreflect.ValueOfUint32(503))
	return answer
}
