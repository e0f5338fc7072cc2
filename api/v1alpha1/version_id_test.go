package v1alpha1

import "testing"

func TestVersionID(t *testing.T) {
	id := func(kv ...string) string {
		sel := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			sel[kv[i]] = kv[i+1]
		}
		return VersionID("green", sel)
	}
	// These are on disk and in cluster names: they may never change.
	for got, want := range map[string]string{
		id("version", "green"):           "green~f46d6ef9",
		id("version", "green", "a", "b"): "green~8e7a4126",
		VersionID("green", nil):          "green~e3b0c442",
		Version{Name: "x"}.ID():          VersionID("x", nil),
		VersionStatus{Name: "x"}.ID():    VersionID("x", map[string]string{}),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	distinct := map[string]bool{}
	for _, s := range []string{id(), id("a", "b"), id("b", "a"), id("ab", ""), id("", "ab"), id("a", "", "b", ""), id("a", "b", "c", "d"), id("a", "d", "c", "b"), id("abcd", "")} {
		if distinct[s] {
			t.Errorf("%s stands for two selectors", s)
		}
		distinct[s] = true
	}
}
