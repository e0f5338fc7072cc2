package schema

import "github.com/gateway-cp/gateway-cp/api"

// maxEndpointAddresses is how many addresses one endpoint of an EndpointSlice may have.
const maxEndpointAddresses = 100

// endpointSlice checks what api/admission leaves to an API server. It looks at the object as it is, as there are many.
func (r *report) endpointSlice(Object) {
	endpoints, _ := r.object["endpoints"].([]any)
	for i, item := range endpoints {
		endpoint, _ := item.(map[string]any)
		if hostname, there := endpoint["hostname"].(string); there && !api.IsPlainLabel(hostname) {
			r.name(new(path).field("endpoints").item(i).field("hostname"), hostname, label)
		}
		if addresses, _ := endpoint["addresses"].([]any); len(addresses) > maxEndpointAddresses {
			r.invalid(new(path).field("endpoints").item(i).field("addresses"), "make an endpoint of each", "has %d entries; at most %d are allowed", len(addresses), maxEndpointAddresses)
		}
	}
	ports, _ := r.object["ports"].([]any)
	for i, item := range ports {
		port, _ := item.(map[string]any)
		if protocol, there := port["appProtocol"].(string); there {
			r.labelKey(new(path).field("ports").item(i).field("appProtocol"), protocol)
		}
	}
}
