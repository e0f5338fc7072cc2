package api

import "k8s.io/apimachinery/pkg/runtime/schema"

// TestGroup is the API group of test files, which are no manifests: docs/policy-tests.md.
const TestGroup = "test.gateway-cp.io"

// TestHint says what to do about a test in a file that is named like a manifest; empty for every
// other kind.
func TestHint(gvk schema.GroupVersionKind) string {
	if gvk.Group != TestGroup {
		return ""
	}
	return "it is a test for gateway-cp test: name the file *.traffictest, so that it is run, and nothing takes it for a manifest"
}
