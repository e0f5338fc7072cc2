// Package schematest holds package schema against a real API server: what one refuses, the other
// must refuse, over the examples of the Gateway API (good and bad), Kubernetes' own manifests,
// ours, and mutations of all of them. Where they differ is listed in docs/schemas.md.
//
// It runs where KUBEBUILDER_ASSETS names a folder with etcd and kube-apiserver, and is skipped
// elsewhere. It is a module of its own because the manifests are files of k8s.io/kubernetes, which
// needs replace directives.
package schematest
