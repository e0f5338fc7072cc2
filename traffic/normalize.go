package traffic

import (
	"strings"
)

// What Envoy does to paths and hosts before it looks for a route. Each function imitates one of
// Envoy's, as docs/edge-defaults.md has them switched on; the comments name it.

// unescapeSlashes decodes %2F and %5C in the path, not in the query
// (PathUtil::unescapeSlashes).
func unescapeSlashes(path string) string {
	path, query := splitQuery(path)
	return escapedSlashes.Replace(path) + query
}

var escapedSlashes = strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", `\`, "%5c", `\`)

// splitQuery cuts before the question mark.
func splitQuery(path string) (string, string) {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// stripDotParameters takes parameters off dot segments ("/..;x/" means "/../" to some servers),
// which Envoy does since CVE-2026-73551: of dots as they are, not of escaped ones.
func stripDotParameters(path string) string {
	if !strings.Contains(path, ".;") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if dots, _, found := strings.Cut(s, ";"); found && (dots == "." || dots == "..") {
			segments[i] = dots
		}
	}
	return strings.Join(segments, "/")
}

// canonicalPath normalises the path, not the query (PathUtil::canonicalPath, which is
// url::CanonicalizePath of Chromium): backslashes become slashes, letters that need no escape
// lose it, those that need one get it, and dot segments are resolved. It is false for a path
// that is refused.
func canonicalPath(path string) (string, bool) {
	path, query := splitQuery(path)
	path = stripDotParameters(path)
	var out []byte
	invalid := -3 // where in out the last percent sign stands that begins no escape
	for i := 0; i < len(path); {
		c := path[i]
		switch {
		case c == '/' || c == '\\':
			out = append(out, '/')
			out, i = dotSegment(out, path, i+1)
		case c == '%':
			b, ok := unhex(path, i)
			switch {
			case ok && b == 0:
				return "", false
			case ok && unescaped(b):
				out = append(out, b)
				i += 3
				out = defuse(out, invalid, path[i:])
			case ok:
				out = append(out, path[i:i+3]...)
				i += 3
			default:
				invalid = len(out)
				out = append(out, c)
				i++
			}
		case mustEscape(c):
			const digits = "0123456789ABCDEF"
			out = append(out, '%', digits[c>>4], digits[c&15])
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return string(out) + query, true
}

// defuse escapes a percent sign that began no escape until now, when what was just unescaped at
// the end of out makes it one: "%4%61" must not become "%4a" (CheckForNestedEscapes).
func defuse(out []byte, invalid int, rest string) []byte {
	if invalid < 0 || invalid >= len(out) { // none, or one that dot segments have taken away
		return out
	}
	after := string(out[invalid:])
	switch len(out) - invalid {
	case 2: // the letter is the first digit; the second may come as it is
		if rest == "" {
			return out
		}
		after += rest[:1]
	case 3:
	default:
		return out
	}
	if _, ok := unhex(after, 0); !ok {
		return out
	}
	return append(append(out[:invalid:invalid], "%25"...), out[invalid+1:]...)
}

// dotSegment resolves "." and ".." (also escaped) after a slash, which out ends with. Where
// there is none, it changes nothing.
func dotSegment(out []byte, path string, i int) ([]byte, int) {
	dots, j := 0, i
	for dots < 2 {
		n := dot(path, j)
		if n == 0 {
			break
		}
		dots, j = dots+1, j+n
	}
	if dots == 0 || j < len(path) && path[j] != '/' && path[j] != '\\' {
		return out, i
	}
	if dots == 2 && len(out) > 1 {
		parent := strings.LastIndexByte(string(out[:len(out)-1]), '/')
		out = out[:parent+1]
	}
	if j < len(path) { // the slash after the dots takes the place of the one before them
		out = out[:len(out)-1]
	}
	return out, j
}

// dot gives the length of a dot, as it is or escaped; 0 when there is none.
func dot(path string, i int) int {
	switch {
	case i < len(path) && path[i] == '.':
		return 1
	case i+2 < len(path) && path[i] == '%' && path[i+1] == '2' && (path[i+2] == 'e' || path[i+2] == 'E'):
		return 3
	}
	return 0
}

func unhex(path string, i int) (byte, bool) {
	if i+2 >= len(path) {
		return 0, false
	}
	hi, ok1 := hexDigit(path[i+1])
	lo, ok2 := hexDigit(path[i+2])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// unescaped says which characters lose their escape: the unreserved ones of RFC 3986.
func unescaped(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("-._~", c) >= 0
}

func mustEscape(c byte) bool { return strings.IndexByte("\"<>^`{|}", c) >= 0 }

// mergeSlashes makes one slash of several in the path, not in the query
// (PathUtil::mergeSlashes; a path of nothing but slashes keeps two).
func mergeSlashes(path string) string {
	path, query := splitQuery(path)
	if !strings.Contains(path, "//") {
		return path + query
	}
	merged := strings.Join(strings.FieldsFunc(path, func(r rune) bool { return r == '/' }), "/")
	if strings.HasPrefix(path, "/") {
		merged = "/" + merged
	}
	if strings.HasSuffix(path, "/") {
		merged += "/"
	}
	return merged + query
}

// stripHostDot takes away a dot at the end of the host (HeaderUtility::stripTrailingHostDot).
func stripHostDot(host string) string {
	i := strings.LastIndexByte(host, '.')
	switch {
	case i < 0:
	case i == len(host)-1:
		return host[:i]
	case host[i+1] == ':':
		return host[:i] + host[i+1:]
	}
	return host
}

// withoutPort takes the port off a host (HeaderUtility::getPortStart).
func withoutPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.LastIndexByte(host, ']') > i {
		return host
	}
	return host[:i]
}
