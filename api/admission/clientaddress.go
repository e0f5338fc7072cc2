package admission

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// clientAnnotations checks what a Gateway or a Service says of the addresses of its clients.
func (r *report) clientAnnotations(annotations map[string]string) {
	r.oneOf(v1alpha1.AcceptProxyAnnotation, annotations, v1alpha1.AcceptProxyRequired, v1alpha1.AcceptProxyOptional)
	text, given := annotations[v1alpha1.TrustedHopsAnnotation]
	if !given {
		return
	}
	at := metadata.Child("annotations").Key(v1alpha1.TrustedHopsAnnotation)
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		r.fail(at, api.ReasonInvalidField, "write how many proxies in front are trusted, such as \"1\"", "%q is not a number", text)
		return
	}
	hops(r, at, n)
}

func hops(r *report, at *field.Path, n int64) {
	if n < 0 || n > v1alpha1.MostTrustedHops {
		r.fail(at, api.ReasonInvalidField, "write how many proxies in front are trusted", "%d is not between 0 and %d", n, v1alpha1.MostTrustedHops)
	}
}

// oneOf checks an annotation that has one of a few values.
func (r *report) oneOf(name string, annotations map[string]string, values ...string) {
	if value, given := annotations[name]; given && !slices.Contains(values, value) {
		r.fail(metadata.Child("annotations").Key(name), api.ReasonInvalidField, "use "+strings.Join(values, " or "), "%q is not a value of this annotation", value)
	}
}
