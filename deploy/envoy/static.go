package envoy

import (
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
)

// Static builds the bootstrap of an Envoy that has everything from the start, and no control
// plane: what it serves are the resources. Options about the control plane are not looked at.
// An empty admin address leaves the admin interface out.
func Static(o Options, resources *bootstrapv3.Bootstrap_StaticResources) (*bootstrapv3.Bootstrap, error) {
	overload, err := overloadManager(o)
	if err != nil {
		return nil, err
	}
	runtime, err := staticRuntime()
	if err != nil {
		return nil, err
	}
	b := &bootstrapv3.Bootstrap{
		Node:            node(o),
		StaticResources: resources,
		OverloadManager: overload,
		LayeredRuntime:  runtime,
	}
	if o.AdminAddress != "" {
		admin, err := address(o.AdminAddress)
		if err != nil {
			return nil, fmt.Errorf("admin address: %w", err)
		}
		b.Admin = &bootstrapv3.Admin{Address: admin, IgnoreGlobalConnLimit: true}
	}
	return b, nil
}
