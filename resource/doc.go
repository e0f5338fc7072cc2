// Package resource holds what flows from the translator to the xDS server: encoded
// Envoy resources, cut into parts, with the names they refer to.
//
// A resource is a head and an ordered set of parts (the virtual hosts of a route
// configuration, the filter chains of a listener), each encoded once. Because Protobuf
// messages merge when they are laid end to end, a whole resource is its head and parts one
// after the other, and the server may hold back a single part towards one Envoy without
// decoding anything.
//
// Who has whole messages of Envoy's API has them cut, encoded and looked through for references:
// by an Encoding, or by a Collection, which also remembers them. The translator cuts by itself.
//
// It knows neither where resources come from nor how they are served.
package resource
