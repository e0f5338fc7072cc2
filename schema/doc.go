// Package schema checks objects against the schemas of their kinds, as an API server with
// fieldValidation=Strict would when they are created, without an API server:
//
//	checker := schema.New(schema.Options{})
//	checker.Visit(schema.Object{GVK: gvk, Key: key, JSON: text, Origin: origin})
//	problems := checker.Problems()
//
// In: objects as JSON, each with an Origin that finds the lines of its fields. Out: problems:
// fields that are unknown (with the name that was most likely meant), missing, of a wrong
// type, out of an enumeration or of a wrong form; apiVersions that are deprecated or gone, with
// what replaces them; rules of CRDs (OpenAPI and CEL) that are broken; kinds nobody knows.
//
// Where the schemas come from:
//
//   - kinds built into Kubernetes: the OpenAPI definitions of k8s.io/kubernetes, cut down to
//     what can be checked (data/builtin.txt). What Kubernetes checks by hand, and no schema
//     says, is in the files named after the kinds: pod.go, workload.go, ingress.go and so on.
//   - the Gateway API and gateway-cp itself: their CRDs, embedded.
//   - any other kind: CRDs that are handed in, or that are among the visited objects. Those win
//     over the embedded ones. CRDs are evaluated by the API server's own libraries, which are only asked
//     about objects that a walk over them does not see to fit, and about rules once for all values that
//     are the same in what the rules read.
//
// Definitions are read when the first object of their kind is checked.
//
// It may know api, and nothing else of ours: not files, nor what gateway-cp does with an object.
package schema

//go:generate sh -c "cd ../tools/schemas && go run ."
