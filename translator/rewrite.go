package translator

import (
	"regexp"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// rewrite changes host and path of what is forwarded. It is false when the filter does not fit
// the match.
func rewrite(action *routev3.RouteAction, f *gatewayv1.HTTPURLRewriteFilter, m *gatewayv1.HTTPRouteMatch) bool {
	if f.Hostname != nil {
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: string(*f.Hostname)}
	}
	if f.Path == nil {
		return true
	}
	switch f.Path.Type {
	case gatewayv1.FullPathHTTPPathModifier:
		action.RegexRewrite = substitute("^/.*$", orRoot(valueOr(f.Path.ReplaceFullPath, "")))
		return true
	case gatewayv1.PrefixMatchHTTPPathModifier:
		prefix, regex, ok := replacePrefix(m, valueOr(f.Path.ReplacePrefixMatch, ""))
		action.PrefixRewrite, action.RegexRewrite = prefix, regex
		return ok
	}
	return false
}

// redirect sends the client elsewhere. It is false when the filter does not fit the match.
func (c *compiler) redirect(f *gatewayv1.HTTPRequestRedirectFilter, m *gatewayv1.HTTPRouteMatch) (*routev3.RedirectAction, bool) {
	code, ok := redirectCodes[valueOr(f.StatusCode, 302)]
	if !ok {
		return nil, false
	}
	redirect := &routev3.RedirectAction{ResponseCode: code, HostRedirect: string(valueOr(f.Hostname, ""))}
	if f.Scheme != nil {
		redirect.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: *f.Scheme}
	}
	c.site.redirectPort(redirect, f)
	if f.Path == nil {
		return redirect, true
	}
	switch f.Path.Type {
	case gatewayv1.FullPathHTTPPathModifier:
		redirect.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: orRoot(valueOr(f.Path.ReplaceFullPath, ""))}
		return redirect, true
	case gatewayv1.PrefixMatchHTTPPathModifier:
		prefix, regex, ok := replacePrefix(m, valueOr(f.Path.ReplacePrefixMatch, ""))
		if prefix != "" {
			redirect.PathRewriteSpecifier = &routev3.RedirectAction_PrefixRewrite{PrefixRewrite: prefix}
		}
		if regex != nil {
			redirect.PathRewriteSpecifier = &routev3.RedirectAction_RegexRewrite{RegexRewrite: regex}
		}
		return redirect, ok
	}
	return nil, false
}

var redirectCodes = map[int]routev3.RedirectAction_RedirectResponseCode{
	301: routev3.RedirectAction_MOVED_PERMANENTLY,
	302: routev3.RedirectAction_FOUND,
	303: routev3.RedirectAction_SEE_OTHER,
	307: routev3.RedirectAction_TEMPORARY_REDIRECT,
	308: routev3.RedirectAction_PERMANENT_REDIRECT,
}

// redirectPort sets the port of the new location: the one asked for, that of the scheme asked
// for, or that of the listener. One that the scheme implies is left out, as the Gateway API
// recommends. Envoy keeps the port of the request's host where it is told neither a host nor a
// port, so the host is told where it is known; where it is not, and clients write the listener's
// port into it, an implied port is better than a wrong one (docs/edge-defaults.md).
func (s site) redirectPort(redirect *routev3.RedirectAction, f *gatewayv1.HTTPRequestRedirectFilter) {
	own := "http"
	if s.secure {
		own = "https"
	}
	scheme := valueOr(f.Scheme, own)
	port := s.port
	if f.Scheme != nil {
		port = impliedPorts[scheme]
	}
	if f.Port != nil {
		port = *f.Port
	}
	switch {
	case port == 0 || port != impliedPorts[scheme]:
		redirect.PortRedirect = uint32(port)
	case redirect.HostRedirect != "":
	case s.hostname != "" && !strings.HasPrefix(s.hostname, "*."):
		redirect.HostRedirect = s.hostname
	case s.port != impliedPorts[own]:
		redirect.PortRedirect = uint32(port)
	}
}

var impliedPorts = map[string]int32{"http": 80, "https": 443}

// replacePrefix gives what makes Envoy replace the prefix that matched, by elements of the
// path: a new prefix, or a substitution where the prefix goes away as a whole. It is false for
// matches that are not by prefix.
// https://gateway-api.sigs.k8s.io/reference/spec/#httppathmodifier has the table.
func replacePrefix(m *gatewayv1.HTTPRouteMatch, replacement string) (prefix string, regex *matcherv3.RegexMatchAndSubstitute, ok bool) {
	kind, old := matchPath(m)
	if kind != gatewayv1.PathMatchPathPrefix {
		return "", nil, false
	}
	replacement = strings.TrimRight(replacement, "/")
	switch {
	case old == "/" && replacement == "":
		return "", nil, true
	case old == "/":
		return replacement + "/", nil, true
	case replacement == "":
		return "", substitute("^"+regexp.QuoteMeta(old)+"/*", "/"), true
	}
	return replacement, nil, true
}

func substitute(pattern, replacement string) *matcherv3.RegexMatchAndSubstitute {
	return &matcherv3.RegexMatchAndSubstitute{
		Pattern:      &matcherv3.RegexMatcher{Regex: pattern},
		Substitution: strings.ReplaceAll(replacement, `\`, `\\`),
	}
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
