// Package admission makes a decoded object fit for use: it sets defaults and checks the
// object by itself, as a Kubernetes API server does when an object is written.
//
// In: a typed object, as decoded from a file or an API server. Out: the same object with
// its defaults set, and what is wrong with it. The rules are those of Kubernetes and of
// the Gateway API's CRDs, as far as they matter to traffic, and of our own CRDs; beyond
// them, what Envoy is known to refuse.
//
// It looks at one object only: whether a Service that a route names exists is for the
// translator to say. It may not know where objects come from, nor Envoy. It never panics,
// whatever was decoded, and never puts the content of a Secret into a problem.
package admission
