// Package behind says what one object offers to the Services that it stands behind: a Pod, an
// endpoint of an EndpointSlice, or a Workload. It is for every room that looks for the endpoints of
// a Service, so that all of them understand an object alike.
//
// In: one admitted object. Out: its state, its address, the number of a port. The package never
// looks at two objects at once.
package behind
