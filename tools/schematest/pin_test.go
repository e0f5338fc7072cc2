package schematest

// Manifests are read from the folders of these modules.
import (
	_ "k8s.io/kubernetes/test/fixtures"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
