package findings

import (
	"regexp"
	"strings"
)

// fieldName is how a line of YAML begins that sets a field.
var fieldName = regexp.MustCompile(`^\s*(- +)*["']?[\w./-]+["']?\s*:(\s|$)`)

// mask leaves of a line of a Secret what says which field it is. A line that is not
// certainly the start of a field may be part of a value, and is hidden.
func mask(text []rune) []rune {
	line := string(text)
	name := strings.TrimRight(fieldName.FindString(line), " \t")
	if len(name) == len(line) {
		return text
	}
	return []rune(name + " …")
}

var (
	documentStart = regexp.MustCompile(`(?m)^---([ \t\r]|$)`)
	topKind       = regexp.MustCompile(`(?m)^"?kind"?:[ \t]*["']?(\w+)`)
)

// secretive says whether a document may hold the values of a Secret. A Gateway that names a
// Secret does not; anything that cannot be told for sure may.
func secretive(document string) bool {
	if !strings.Contains(document, "Secret") {
		return false
	}
	kinds := topKind.FindAllStringSubmatch(document, 2)
	if len(kinds) != 1 {
		return true
	}
	switch kind := kinds[0][1]; {
	case kind == "Secret", strings.HasSuffix(kind, "List"):
		return true
	}
	return false
}
