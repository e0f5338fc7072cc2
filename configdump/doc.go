// Package configdump compares what an Envoy shall have with what it says it has.
//
// In: resources as the control plane serves them, and the page /config_dump?include_eds of an
// Envoy's admin interface. Out: differences, field by field, in a form for people and for JSON.
// Read parses the page, Compare compares, Redact takes private keys out of resources before they
// leave the control plane.
//
// The package may not know the control plane, gRPC or objects; it does no I/O beyond the reader
// that it is given.
//
// The page: https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump.proto
package configdump
