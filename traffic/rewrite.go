package traffic

import (
	"regexp"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// rewritten gives the path after a rewrite of the prefix that matched, or of what a regular
// expression matches. The query stays (RouteEntryImplBase::finalizePathHeader).
func (f *flow) rewritten(m *routev3.RouteMatch, prefix string, regex *matcherv3.RegexMatchAndSubstitute) string {
	path, query := splitQuery(f.path)
	switch {
	case prefix != "":
		return prefix + strings.TrimPrefix(path, matchedPrefix(m, path)) + query
	case regex != nil:
		re, err := regexp.Compile(regex.Pattern.Regex)
		if err != nil {
			return f.path
		}
		// Envoy's substitutions escape with a backslash, and refer to groups by \1.
		return re.ReplaceAllString(path, goSubstitution(regex.Substitution)) + query
	}
	return f.path
}

// matchedPrefix is the part of the path that a match took.
func matchedPrefix(m *routev3.RouteMatch, path string) string {
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Prefix:
		return s.Prefix
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return s.PathSeparatedPrefix
	}
	return path
}

// goSubstitution turns \1 into ${1}, \\ into \ and $ into $$.
func goSubstitution(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$':
			b.WriteString("$$")
		case s[i] == '\\' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			i++
			b.WriteString("${" + s[i:i+1] + "}")
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// location is where a redirect sends the client (RouteEntryImplBase::newUri).
func (f *flow) location(r *routev3.Route) string {
	a := r.GetRedirect()
	scheme := f.request.Scheme
	if s := a.GetSchemeRedirect(); s != "" {
		scheme = s
	} else if a.GetHttpsRedirect() {
		scheme = "https"
	}
	port := ""
	if a.PortRedirect != 0 {
		port = ":" + strconv.Itoa(int(a.PortRedirect))
	}
	host := a.HostRedirect
	if host == "" {
		host = f.redirectHost(scheme, port)
	}
	path := a.GetPathRedirect()
	if path == "" {
		path = f.rewritten(r.Match, a.GetPrefixRewrite(), a.GetRegexRewrite())
	} else if _, query := splitQuery(f.path); !strings.Contains(path, "?") {
		path += query
	}
	return scheme + "://" + host + port + path
}

// redirectHost keeps the host of the request, without its port where that is replaced, or
// implied by a scheme that changes.
func (f *flow) redirectHost(scheme, port string) string {
	host := withoutPort(f.authority)
	old := f.authority[len(host):]
	remove := port != ""
	if scheme != f.request.Scheme {
		remove = remove || f.request.Scheme == "https" && old == ":443" || f.request.Scheme == "http" && old == ":80"
	}
	if remove {
		return host
	}
	return f.authority
}
