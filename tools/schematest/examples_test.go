package schematest

import "testing"

// TestServerAgreesOnManifests asks a real API server about every manifest as it is.
func TestServerAgreesOnManifests(t *testing.T) {
	s := start(t)
	s.install(t)
	sleep()
	sleep()
	dirs := append(corpora(t), moduleDir(t, "sigs.k8s.io/gateway-api")+"/hack/invalid-examples")
	good, bad := 0, 0
	for _, d := range documents(t, dirs...) {
		v, err := s.create(d.GVK, d.Key.Namespace, d.JSON)
		if err != nil {
			t.Fatal(err)
		}
		if v.refused {
			bad++
		} else {
			good++
		}
		switch {
		case v.refused && !d.refused():
			t.Errorf("%s: %s: only the server refuses: %s", d.at, d.GVK, v.message)
		case !v.refused && d.refused():
			t.Errorf("%s: %s: only we refuse: %v", d.at, d.GVK, d.errors())
		}
	}
	t.Logf("%d accepted, %d refused", good, bad)
}
