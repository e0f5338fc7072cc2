package translator

import "github.com/gateway-cp/gateway-cp/api"

// serviceEndpoints placeholder
var serviceEndpoints = &Feature{Name: "endpoints", Build: func(*Reader, Unit) Result { return Result{} }}

func endpointSliceLookups(*api.Object) []lookup { return nil }
