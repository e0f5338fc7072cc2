// Package v1alpha1 is the API group gateway-cp.io/v1alpha1: Rollout, Workload, Fleet and BackendPolicy.
//
// Routes and listeners have no kinds here: they are Gateway API objects.
//
// +kubebuilder:object:generate=true
// +groupName=gateway-cp.io
package v1alpha1

//go:generate go tool -modfile=../../tools/go.mod controller-gen object crd paths=. output:crd:dir=../../deploy/crds
//go:generate go run ../internal/referencedoc ../../deploy/crds ../../docs/reference.md
//go:generate go run ../internal/schemagen ../../deploy/crds ../../deploy/schemas
