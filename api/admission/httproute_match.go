package admission

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

func defaultMatch(m *gatewayv1.HTTPRouteMatch) {
	if m.Path == nil {
		m.Path = new(gatewayv1.HTTPPathMatch)
	}
	def(&m.Path.Type, gatewayv1.PathMatchPathPrefix)
	def(&m.Path.Value, "/")
	for i := range m.Headers {
		def(&m.Headers[i].Type, gatewayv1.HeaderMatchExact)
	}
	for i := range m.QueryParams {
		def(&m.QueryParams[i].Type, gatewayv1.QueryParamMatchExact)
	}
}

func (r *report) match(at *field.Path, m *gatewayv1.HTTPRouteMatch) {
	path := at.Child("path")
	switch *m.Path.Type {
	case gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix:
		r.path(path.Child("value"), *m.Path.Value)
	case gatewayv1.PathMatchRegularExpression:
		r.regex(path.Child("value"), *m.Path.Value)
	default:
		r.fail(path.Child("type"), api.ReasonInvalidField, "use Exact, PathPrefix or RegularExpression", "%q is not a type of match", *m.Path.Type)
	}
	if len(*m.Path.Value) > 1024 {
		r.fail(path.Child("value"), api.ReasonInvalidField, "use at most 1024 characters", "is too long")
	}
	headers := at.Child("headers")
	r.atMost(headers, len(m.Headers), 16)
	names := make([]string, len(m.Headers))
	for i, h := range m.Headers {
		names[i] = string(h.Name)
		r.headerName(headers.Index(i).Child("name"), string(h.Name))
		r.arrivingHeader(headers.Index(i).Child("name"), string(h.Name))
		r.matchValue(headers.Index(i), string(*h.Type), h.Value, 4096)
	}
	r.distinctNames(headers, names, true)
	params := at.Child("queryParams")
	r.atMost(params, len(m.QueryParams), 16)
	names = make([]string, len(m.QueryParams))
	for i, q := range m.QueryParams {
		names[i] = string(q.Name)
		r.headerName(params.Index(i).Child("name"), string(q.Name))
		r.matchValue(params.Index(i), string(*q.Type), q.Value, 1024)
	}
	r.distinctNames(params, names, false)
	switch method := value(m.Method); method {
	case gatewayv1.HTTPMethodGet, gatewayv1.HTTPMethodHead, gatewayv1.HTTPMethodPost, gatewayv1.HTTPMethodPut, gatewayv1.HTTPMethodDelete,
		gatewayv1.HTTPMethodConnect, gatewayv1.HTTPMethodOptions, gatewayv1.HTTPMethodTrace, gatewayv1.HTTPMethodPatch:
	default:
		if m.Method != nil {
			r.fail(at.Child("method"), api.ReasonInvalidField, "use a method in capitals, such as GET", "%q is not a method", method)
		}
	}
}

// distinctNames refuses a name that is listed twice. Names that differ only in case are the
// same header: the Gateway API says that the first one counts.
func (r *report) distinctNames(at *field.Path, names []string, fold bool) {
	seen := map[string]int{}
	for i, name := range names {
		key := name
		if fold {
			key = strings.ToLower(name)
		}
		first, again := seen[key]
		switch {
		case !again:
			seen[key] = i
		case name == "":
		case name == names[first]:
			r.duplicate(at.Index(i).Child("name"), at.Index(first).Child("name"), "the name %q", name)
		default:
			r.warn(at.Index(i).Child("name"), api.ReasonInvalidField, "remove one of the two", "%q is the same header as %s: this entry has no effect", name, at.Index(first).Child("name"))
		}
	}
}

func (r *report) matchValue(at *field.Path, kind, value string, longest int) {
	switch {
	case value == "":
		r.missing(at.Child("value"), "give the value to compare with")
	case len(value) > longest:
		r.fail(at.Child("value"), api.ReasonInvalidField, "use a shorter value", "has %d characters; at most %d are allowed", len(value), longest)
	}
	switch kind {
	case "Exact":
		r.headerValue(at.Child("value"), value)
	case "RegularExpression":
		r.regex(at.Child("value"), value)
	default:
		r.fail(at.Child("type"), api.ReasonInvalidField, "use Exact or RegularExpression", "%q is not a type of match", kind)
	}
}

// pathShape are the characters that a path may consist of.
var pathShape = regexp.MustCompile(`^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$`)

// path checks an exact path or a prefix as the CRD does. Envoy compares with the normalised
// path of a request, so what normalisation removes could never match.
func (r *report) path(at *field.Path, path string) {
	const hint = "write the path as it is after normalisation, such as /a/b"
	switch {
	case !strings.HasPrefix(path, "/"):
		r.fail(at, api.ReasonInvalidField, "begin the path with '/'", "%q does not begin with '/'", path)
		return
	case strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/.."):
		r.fail(at, api.ReasonInvalidField, hint, "%q ends with a relative part", path)
		return
	}
	for _, part := range []string{"//", "/./", "/../", "%2f", "%2F", "#"} {
		if strings.Contains(path, part) {
			r.fail(at, api.ReasonInvalidField, hint, "%q must not contain %q", path, part)
			return
		}
	}
	if !pathShape.MatchString(path) {
		r.fail(at, api.ReasonInvalidField, "encode other characters as %XX", "%q contains characters that a path cannot have", path)
	}
}

// regex asks for RE2 syntax, which Envoy uses and Go's parser follows.
// https://github.com/google/re2/wiki/Syntax
func (r *report) regex(at *field.Path, expression string) {
	if expression == "" {
		r.fail(at, api.ReasonInvalidRegex, "give an expression, such as /v[0-9]+/.*", "the expression is empty")
		return
	}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err == nil {
		_, err = syntax.Compile(tree.Simplify())
	}
	if err != nil {
		r.fail(at, api.ReasonInvalidRegex, "use RE2 syntax, without look-around and back-references; the whole text must match", "%v", err)
	}
}

// headerValue refuses what Envoy refuses in a header: NUL, CR and LF.
func (r *report) headerValue(at *field.Path, value string) {
	if strings.ContainsAny(value, "\x00\r\n") {
		r.fail(at, api.ReasonInvalidField, "write the value on one line", "contains a line break or a NUL character")
	}
}
