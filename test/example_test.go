package test

import (
	"testing"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// The example is what users copy: nothing in it may even be warned about.
func TestExampleIsValid(t *testing.T) {
	e := harness.New(t)
	if out, code := e.GatewayCP("validate", "../examples/bluegreen"); code != 0 || out != "11 objects, 0 errors, 0 warnings\n" {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
