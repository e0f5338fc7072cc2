package examples

import (
	"path"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

// Every reason has one example, and every example a reason.
func TestEveryReasonHasAnExample(t *testing.T) {
	for _, info := range api.Reasons {
		if (Manifest(info.Reason) == "") == (Commands(info.Reason) == "") {
			t.Errorf("%s needs either %s.yaml or %s.txt", info.Reason, info.Reason, info.Reason)
		}
	}
	files, err := all.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, known := api.Explain(api.Reason(strings.TrimSuffix(f.Name(), path.Ext(f.Name())))); !known {
			t.Errorf("%s is of no reason", f.Name())
		}
	}
}
