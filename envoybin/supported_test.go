package envoybin

import (
	"strings"
	"testing"
)

func TestSupportedRange(t *testing.T) {
	if got, want := Supported(), "1.38.2 to 1.40.x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for version, want := range map[string]string{
		Oldest: "", "1.38.3": "", "1.39.0": "", Version: "", "1.40.7": "", "v1.40.1": "", "1.40.1-dev": "",
		"1.38.1": "older", "1.37.9": "older", "0.99.99": "older", "1.9.0": "older",
		"1.41.0": "newer", "1.41.0-dev+clean": "newer", "2.0.0": "newer",
		"": "", "1.40": "", "main": "", "1.x.0": "", "-1": "", "1.-2.0": "",
	} {
		got := Unsupported(version)
		if (want == "") != (got == "") || !strings.Contains(got, want) || want != "" && !strings.Contains(got, version) {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
