// Package api holds the objects that users write and what is said about them.
//
// In: Kubernetes and Gateway API objects and our own group gateway-cp.io
// (package v1alpha1). Out: an Object (identity, value, where it came from) and a
// Problem (what is wrong with which field of which object, and what to do).
// Package api/admission sets defaults and checks a single object by itself.
//
// It may not know where objects are read from, Envoy, or any other package of ours.
package api

//go:generate go run ./internal/problemsdoc ../docs/problems.md
