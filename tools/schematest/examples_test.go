package schematest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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

// TestServerRefusesWhatIsCheckedByHand asks a real API server about objects that no schema refuses.
func TestServerRefusesWhatIsCheckedByHand(t *testing.T) {
	s := start(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "schema", "testdata", "cases", "refused.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "refused.yaml")
	manifests, _, _ := strings.Cut(string(text), "---want---")
	if err := os.WriteFile(file, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	list := documents(t, file)
	for _, d := range list {
		v, err := s.create(d.GVK, d.Key.Namespace, d.JSON)
		switch {
		case err != nil:
			t.Fatal(err)
		case !v.refused:
			t.Errorf("%s: %s is accepted by the server: %v", d.at, d.Key, d.errors())
		case !d.refused():
			t.Errorf("%s: %s is refused only by the server: %s", d.at, d.Key, v.message)
		}
	}
	t.Logf("%d refused", len(list))
}
