package traffic

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// variants is how many requests are made that differ in the values of headers and parameters only.
const variants = 6

// pathsOf gives paths that a match takes, those that people would write first.
func pathsOf(m *routev3.RouteMatch) []string {
	switch s := m.PathSpecifier.(type) {
	case *routev3.RouteMatch_Path:
		return []string{s.Path}
	case *routev3.RouteMatch_Prefix:
		p := strings.TrimSuffix(s.Prefix, "/")
		return []string{s.Prefix, p + "/any", p + "/any/more", s.Prefix + "any"}
	case *routev3.RouteMatch_PathSeparatedPrefix:
		return []string{s.PathSeparatedPrefix, s.PathSeparatedPrefix + "/any", s.PathSeparatedPrefix + "/any/more", s.PathSeparatedPrefix + "/"}
	case *routev3.RouteMatch_SafeRegex:
		var all []string
		for _, v := range samples(s.SafeRegex.Regex) {
			if !strings.HasPrefix(v, "/") {
				v = "/" + v
			}
			all = append(all, v)
		}
		return all
	}
	return nil
}

// samples gives strings that a regular expression matches as a whole; none when it is not easy
// to find one.
func samples(pattern string) []string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil
	}
	tree = tree.Simplify()
	var all []string
	for n := range 8 * variants {
		if len(all) == 2*variants {
			break
		}
		s := sampler{state: uint64(n)}
		s.write(tree)
		if v := s.String(); !slices.Contains(all, v) && re.MatchString(v) && plain(v) {
			all = append(all, v)
		}
	}
	return all
}

// maxSample bounds a sample in bytes.
const maxSample = 1000

// plain says whether a string can stand in a path or a header as it is.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7e || r == '#' || r == '?' || r == '%' })
}

// sampler writes a string that an expression matches. The one that begins with 0 takes the first of all
// choices, each other one goes a way of its own, always the same.
type sampler struct {
	strings.Builder
	state uint64
}

// choose gives a number below n.
func (s *sampler) choose(n int) int {
	if s.state == 0 || n == 0 {
		return 0
	}
	s.state = s.state*6364136223846793005 + 1442695040888963407
	return int((s.state >> 33) % uint64(n))
}

func (s *sampler) write(e *syntax.Regexp) {
	if s.Len() > maxSample {
		return
	}
	times := 0
	switch e.Op {
	case syntax.OpLiteral:
		s.WriteString(string(e.Rune))
	case syntax.OpCharClass:
		s.WriteRune(s.oneOf(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		s.WriteByte("ab1x"[s.choose(4)])
	case syntax.OpAlternate:
		s.write(e.Sub[s.choose(len(e.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		times = 1
	case syntax.OpStar:
		times = []int{1, 0, 2}[s.choose(3)]
	case syntax.OpPlus:
		times = 1 + s.choose(2)
	case syntax.OpQuest:
		times = 1 - s.choose(2)
	case syntax.OpRepeat:
		times = e.Min
	}
	for range times {
		for _, sub := range e.Sub {
			s.write(sub)
		}
	}
}

// oneOf gives a character of a class of ranges, a letter or digit if there is one.
func (s *sampler) oneOf(ranges []rune) rune {
	const easy = "a1xbz70A-_"
	var fitting []rune
	for _, c := range easy {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= c && c <= ranges[i+1] {
				fitting = append(fitting, c)
				break
			}
		}
	}
	if len(fitting) > 0 {
		return fitting[s.choose(len(fitting))]
	}
	if len(ranges) == 0 {
		return 'a'
	}
	return ranges[0]
}
