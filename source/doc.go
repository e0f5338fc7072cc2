// Package source reads objects and watches them: a directory tree of manifests
// (package files), or a Kubernetes API server (package kube). Out come ordered batches of admitted object changes.
//
// It knows neither the translator nor the xDS server.
package source
