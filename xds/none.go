package xds

import (
	"github.com/gateway-cp/gateway-cp/resource"
)

// isNone answers an Envoy that asks for a resource which is not there. Something waits for the
// answer, so it comes at once, in the form of the type:
//
//   - for endpoints an assignment without any. gRPC's clients, which know no other answer, would
//     wait for 15 s. An Envoy that has come back may still use endpoints that it does not
//     mention; it is told that they were removed, which leaves them alone;
//   - for a virtual host its name as an alias, without a body: a removal leaves requests hanging;
//   - else that it was removed.
//
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds#virtual-host-resource-naming-convention
func (s *session) isNone(r *response, id uint32, force bool) int {
	if !s.subs[r.kind].names.has(id) {
		s.loosen(id)
	}
	if r.kind == resource.VirtualHost || r.kind == resource.Endpoint && !s.returned {
		name := s.store.names.of(id)
		r.none = append(r.none, name)
		return len(name)
	}
	return s.remove(r, id, force)
}

// assignmentName is the Protobuf field cluster_name of ClusterLoadAssignment.
const assignmentName = 1

// emptyAssignments are assignments without endpoints.
func emptyAssignments(names []string) []*composed {
	all := make([]*composed, 0, len(names))
	for _, name := range names {
		head := newContent("", &resource.Output{Bytes: appendString(nil, assignmentName, name)})
		all = append(all, compose(0, name, head, nil))
	}
	return all
}
