package xds

import (
	"testing"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Versions are made of bytes in the same way in every release: an Envoy that comes back to a newer
// gateway-cp is sent nothing if the bytes are the same. A change here has every Envoy sent
// everything at an upgrade, which the release notes must say:
// docs/decisions/0009-bytes-over-an-upgrade.md.
func TestVersionsStay(t *testing.T) {
	of := func(part, bytes string) *content { return newContent(part, &resource.Output{Bytes: []byte(bytes)}) }
	for want, c := range map[string]*composed{
		"4ebc204abb3a3274": compose(1, "r", of("", "a head"), nil),
		"ef2342264fd8754e": compose(1, "r", of("", "a head"), []*content{of("a", "part a"), of("b", "part b")}),
	} {
		if c.version != want {
			t.Errorf("%d parts: version %s, was %s in the release before", len(c.parts), c.version, want)
		}
	}
}
