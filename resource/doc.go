// Package resource holds what flows from the translator to the xDS server: encoded
// Envoy resources, cut into parts, with the names they refer to.
//
// A resource is a head and an ordered set of parts (the virtual hosts of a route
// configuration, the filter chains of a listener), each encoded once. Because repeated
// Protobuf fields concatenate, a whole resource is its parts laid end to end, and the
// server may hold back a single part towards one Envoy without decoding anything.
//
// It knows neither where resources come from nor how they are served.
package resource
