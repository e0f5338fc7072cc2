package api_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/api"
)

// What is plain is valid by all rules of Kubernetes for names: of all texts of up to four of these pieces.
func TestPlainNamesAreValid(t *testing.T) {
	pieces := []string{"a", "z9", "-", ".", "/", "_", "A", "é", " ", "\n", strings.Repeat("b", 61), strings.Repeat("c.", 120)}
	plain := 0
	var check func(text string, more int)
	check = func(text string, more int) {
		valid := func(faults ...[]string) {
			for _, f := range faults {
				plain++
				if len(f) > 0 {
					t.Errorf("%q is plain, but %v", text, f)
				}
			}
		}
		if api.IsPlainLabel(text) {
			valid(validation.IsDNS1123Label(text), validation.IsDNS1123Subdomain(text), validation.IsQualifiedName(text),
				validation.IsValidLabelValue(text), content.IsPathSegmentName(text))
		}
		if api.IsPlainSubdomain(text) {
			valid(validation.IsDNS1123Subdomain(text), content.IsPathSegmentName(text))
		}
		if api.IsPlainKey(text) {
			valid(validation.IsQualifiedName(text))
		}
		if more > 0 {
			for _, piece := range pieces {
				check(text+piece, more-1)
			}
		}
	}
	check("", 4)
	if plain < 100 {
		t.Errorf("only %d are plain", plain)
	}
}
