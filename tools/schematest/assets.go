//go:build tools

package schematest

// The API server that make kube-assets builds.
import _ "k8s.io/kubernetes/cmd/kube-apiserver"
