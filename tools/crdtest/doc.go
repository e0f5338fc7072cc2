// Package crdtest checks the CRDs in deploy/crds with the code of the Kubernetes API server
// itself: that they are accepted, that their CEL rules compile within the cost budget, and
// that they accept and refuse the examples in api/testdata.
//
// It is a module of its own because the API server's code is heavy; nothing imports it.
package crdtest
