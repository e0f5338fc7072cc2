package v1alpha1

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestPercentWeight(t *testing.T) {
	for text, want := range map[string]int32{
		"0": 0, "1": 100, "100": 10000, `"0"`: 0, `"0.01"`: 1, `"0.1"`: 10, `"5"`: 500, `"05.5"`: 550,
		`"99.95"`: 9995, `"100"`: 10000, `"100.0"`: 10000, `"100.00"`: 10000,
	} {
		var p Percent
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Weight(); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
		if back, err := json.Marshal(p); err != nil || string(back) != text {
			t.Errorf("%s: written as %s, %v", text, back, err)
		}
		if got := p.String(); got != strings.Trim(text, `"`) {
			t.Errorf("%s: String gives %s", text, got)
		}
	}
	for _, text := range []string{
		"-1", "101", `""`, `"."`, `"5."`, `".5"`, `"-1"`, `"+1"`, `"1e1"`, `"0.001"`, `"100.01"`, `"101"`, `"1000"`, `"007"`, `" 5"`, `"5%"`, `"5,5"`, `"٣"`,
	} {
		var p Percent
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Weight(); err == nil {
			t.Errorf("%s: got %d, want an error", text, got)
		}
	}
	for text, want := range map[string]string{"5.5": "must be a string", "1e1": "must be a string", "true": "integer or a string", "{}": "integer or a string", "99999999999": "integer or a string"} {
		var p Percent
		if err := json.Unmarshal([]byte(text), &p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}
