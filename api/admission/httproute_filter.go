package admission

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

func defaultFilters(filters []gatewayv1.HTTPRouteFilter) {
	for i := range filters {
		if m := filters[i].RequestMirror; m != nil {
			defaultBackend(&m.BackendRef)
			if m.Fraction != nil {
				def(&m.Fraction.Denominator, 100)
			}
		}
		if d := filters[i].RequestRedirect; d != nil {
			def(&d.StatusCode, 302)
		}
	}
}

// filterFields names the field that belongs to each type of filter and says whether it is set.
var filterFields = []struct {
	kind  gatewayv1.HTTPRouteFilterType
	field string
	set   func(*gatewayv1.HTTPRouteFilter) bool
}{
	{gatewayv1.HTTPRouteFilterRequestHeaderModifier, "requestHeaderModifier", func(f *gatewayv1.HTTPRouteFilter) bool { return f.RequestHeaderModifier != nil }},
	{gatewayv1.HTTPRouteFilterResponseHeaderModifier, "responseHeaderModifier", func(f *gatewayv1.HTTPRouteFilter) bool { return f.ResponseHeaderModifier != nil }},
	{gatewayv1.HTTPRouteFilterRequestMirror, "requestMirror", func(f *gatewayv1.HTTPRouteFilter) bool { return f.RequestMirror != nil }},
	{gatewayv1.HTTPRouteFilterRequestRedirect, "requestRedirect", func(f *gatewayv1.HTTPRouteFilter) bool { return f.RequestRedirect != nil }},
	{gatewayv1.HTTPRouteFilterURLRewrite, "urlRewrite", func(f *gatewayv1.HTTPRouteFilter) bool { return f.URLRewrite != nil }},
	{gatewayv1.HTTPRouteFilterCORS, "cors", func(f *gatewayv1.HTTPRouteFilter) bool { return f.CORS != nil }},
	{gatewayv1.HTTPRouteFilterExternalAuth, "externalAuth", func(f *gatewayv1.HTTPRouteFilter) bool { return f.ExternalAuth != nil }},
	{gatewayv1.HTTPRouteFilterExtensionRef, "extensionRef", func(f *gatewayv1.HTTPRouteFilter) bool { return f.ExtensionRef != nil }},
}

const supportedFilters = "RequestHeaderModifier, ResponseHeaderModifier, RequestRedirect, URLRewrite and RequestMirror are supported"

// filters checks a list of filters. Only RequestMirror and ExtensionRef may be repeated.
func (r *report) filters(at *field.Path, filters []gatewayv1.HTTPRouteFilter, matches []gatewayv1.HTTPRouteMatch) {
	r.atMost(at, len(filters), 16)
	seen := map[gatewayv1.HTTPRouteFilterType]int{}
	for i := range filters {
		f := &filters[i]
		if !r.filterUnion(at.Index(i), f) {
			continue
		}
		first, again := seen[f.Type]
		if again && f.Type != gatewayv1.HTTPRouteFilterRequestMirror && f.Type != gatewayv1.HTTPRouteFilterExtensionRef {
			r.fail(at.Index(i), api.ReasonInvalidField, "merge the two filters", "a filter of type %s is already at %s", f.Type, at.Index(first))
		}
		if !again {
			seen[f.Type] = i
		}
		r.filter(at.Index(i), f, matches)
	}
	rewrite, rewrites := seen[gatewayv1.HTTPRouteFilterURLRewrite]
	redirect, redirects := seen[gatewayv1.HTTPRouteFilterRequestRedirect]
	if rewrites && redirects {
		r.fail(at.Index(max(rewrite, redirect)), api.ReasonInvalidField, "keep one of the two",
			"RequestRedirect and URLRewrite (%s) cannot be used together", at.Index(min(rewrite, redirect)))
	}
}

// filterUnion asks that the field of the filter's type is set, and no other one.
func (r *report) filterUnion(at *field.Path, f *gatewayv1.HTTPRouteFilter) bool {
	known, ok := false, true
	for _, t := range filterFields {
		set := t.set(f)
		switch {
		case t.kind == f.Type && !set:
			r.missing(at.Child(t.field), "say what the filter does")
			known, ok = true, false
		case t.kind == f.Type:
			known = true
		case set:
			r.fail(at.Child(t.field), api.ReasonInvalidField, "put it into a filter of its own, of type "+string(t.kind), "has no meaning in a filter of type %q", f.Type)
			ok = false
		}
	}
	switch {
	case f.Type == "":
		r.missing(at.Child("type"), supportedFilters)
	case !known:
		r.fail(at.Child("type"), api.ReasonInvalidField, supportedFilters, "%q is not a type of filter", f.Type)
	}
	return known && ok
}

func (r *report) filter(at *field.Path, f *gatewayv1.HTTPRouteFilter, matches []gatewayv1.HTTPRouteMatch) {
	switch f.Type {
	case gatewayv1.HTTPRouteFilterRequestHeaderModifier:
		r.headerFilter(at.Child("requestHeaderModifier"), f.RequestHeaderModifier)
		for i, name := range f.RequestHeaderModifier.Remove {
			r.arrivingHeader(at.Child("requestHeaderModifier", "remove").Index(i), name)
		}
	case gatewayv1.HTTPRouteFilterResponseHeaderModifier:
		r.headerFilter(at.Child("responseHeaderModifier"), f.ResponseHeaderModifier)
	case gatewayv1.HTTPRouteFilterRequestMirror:
		r.mirror(at.Child("requestMirror"), f.RequestMirror)
	case gatewayv1.HTTPRouteFilterRequestRedirect:
		r.redirect(at.Child("requestRedirect"), f.RequestRedirect, matches)
	case gatewayv1.HTTPRouteFilterURLRewrite:
		rewrite := at.Child("urlRewrite")
		if h := f.URLRewrite.Hostname; h != nil {
			r.hostname(rewrite.Child("hostname"), string(*h), false)
		}
		r.pathModifier(rewrite.Child("path"), f.URLRewrite.Path, matches)
	}
	// Filters that are not supported are left to the translator: it answers the requests of
	// the rule with 500, as the Gateway API asks, and serves the other rules.
}

func (r *report) headerFilter(at *field.Path, f *gatewayv1.HTTPHeaderFilter) {
	for _, list := range []struct {
		name    string
		headers []gatewayv1.HTTPHeader
	}{{"set", f.Set}, {"add", f.Add}} {
		path := at.Child(list.name)
		r.atMost(path, len(list.headers), 16)
		names := make([]string, len(list.headers))
		for i, h := range list.headers {
			names[i] = string(h.Name)
			r.modifiedHeader(path.Index(i).Child("name"), string(h.Name))
			switch {
			case h.Value == "":
				r.missing(path.Index(i).Child("value"), "give the value; use remove to take a header away")
			case len(h.Value) > 4096:
				r.fail(path.Index(i).Child("value"), api.ReasonInvalidField, "use at most 4096 characters", "is too long")
			}
			r.headerValue(path.Index(i).Child("value"), h.Value)
		}
		r.distinctNames(path, names, true)
	}
	r.atMost(at.Child("remove"), len(f.Remove), 16)
	for i, name := range f.Remove {
		r.modifiedHeader(at.Child("remove").Index(i), name)
	}
}

// modifiedHeader checks the name of a header to change. Envoy refuses to change Host.
func (r *report) modifiedHeader(at *field.Path, name string) {
	r.headerName(at, name)
	if strings.EqualFold(name, "host") {
		r.fail(at, api.ReasonInvalidField, "use a URLRewrite filter with hostname", "the Host header cannot be changed by a header filter")
	}
}

func (r *report) mirror(at *field.Path, m *gatewayv1.HTTPRequestMirrorFilter) {
	r.backend(at.Child("backendRef"), &m.BackendRef)
	if m.Percent != nil && m.Fraction != nil {
		r.fail(at.Child("fraction"), api.ReasonInvalidField, "keep one of the two", "cannot be used together with percent")
	}
	if p := value(m.Percent); p < 0 || p > 100 {
		r.fail(at.Child("percent"), api.ReasonInvalidField, "use 0 to 100", "%d is out of range", p)
	}
	if f := m.Fraction; f != nil {
		switch n, d := f.Numerator, *f.Denominator; {
		case d < 1:
			r.fail(at.Child("fraction", "denominator"), api.ReasonInvalidField, "use 1 or more", "%d is out of range", d)
		case n < 0 || n > d:
			r.fail(at.Child("fraction", "numerator"), api.ReasonInvalidField, "use 0 to the denominator", "%d is out of range", n)
		}
	}
}

func (r *report) redirect(at *field.Path, d *gatewayv1.HTTPRequestRedirectFilter, matches []gatewayv1.HTTPRouteMatch) {
	if s := d.Scheme; s != nil && *s != "http" && *s != "https" {
		r.fail(at.Child("scheme"), api.ReasonInvalidField, "use http or https", "%q is not a scheme", *s)
	}
	if h := d.Hostname; h != nil {
		r.hostname(at.Child("hostname"), string(*h), false)
	}
	if d.Port != nil {
		r.port(at.Child("port"), *d.Port)
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, *d.StatusCode) {
		r.fail(at.Child("statusCode"), api.ReasonInvalidField, "use 301, 302, 303, 307 or 308", "%d is not the status of a redirect", *d.StatusCode)
	}
	r.pathModifier(at.Child("path"), d.Path, matches)
}

// pathModifier checks a replacement of the path, or of the prefix that matched; the latter
// needs exactly one prefix to match.
func (r *report) pathModifier(at *field.Path, m *gatewayv1.HTTPPathModifier, matches []gatewayv1.HTTPRouteMatch) {
	if m == nil {
		return
	}
	full, prefix := at.Child("replaceFullPath"), at.Child("replacePrefixMatch")
	switch m.Type {
	case gatewayv1.FullPathHTTPPathModifier:
		if m.ReplaceFullPath == nil {
			r.missing(full, "give the path")
		}
		if m.ReplacePrefixMatch != nil {
			r.fail(prefix, api.ReasonInvalidField, "remove it, or use type ReplacePrefixMatch", "has no meaning with type ReplaceFullPath")
		}
	case gatewayv1.PrefixMatchHTTPPathModifier:
		if m.ReplacePrefixMatch == nil {
			r.missing(prefix, "give the prefix")
		}
		if m.ReplaceFullPath != nil {
			r.fail(full, api.ReasonInvalidField, "remove it, or use type ReplaceFullPath", "has no meaning with type ReplacePrefixMatch")
		}
		if len(matches) != 1 || *matches[0].Path.Type != gatewayv1.PathMatchPathPrefix {
			r.fail(at.Child("type"), api.ReasonInvalidField, "give the rule exactly one match, with a path of type PathPrefix", "ReplacePrefixMatch needs exactly one prefix to replace")
		}
	case "":
		r.missing(at.Child("type"), "use ReplaceFullPath or ReplacePrefixMatch")
	default:
		r.fail(at.Child("type"), api.ReasonInvalidField, "use ReplaceFullPath or ReplacePrefixMatch", "%q is not known", m.Type)
	}
	r.newPath(full, value(m.ReplaceFullPath))
	r.newPath(prefix, value(m.ReplacePrefixMatch))
}

// newPath checks a replacement; an empty one stands for "/".
func (r *report) newPath(at *field.Path, path string) {
	switch {
	case path == "":
	case path[0] != '/':
		r.fail(at, api.ReasonInvalidField, "begin the path with '/'", "%q does not begin with '/'", path)
	case len(path) > 1024:
		r.fail(at, api.ReasonInvalidField, "use at most 1024 characters", "is too long")
	case strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		r.fail(at, api.ReasonInvalidField, "encode other characters as %XX", "%q contains white space or control characters", path)
	}
}
