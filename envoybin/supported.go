package envoybin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Supported says which Envoys are supported, in words: from Oldest to any patch release of the
// minor release that Version is of.
func Supported() string {
	newest, _ := parse(Version)
	return fmt.Sprintf("%s to %d.%d.x", Oldest, newest[0], newest[1])
}

// Unsupported says what is wrong with an Envoy of a version (such as 1.37.4, or 1.41.0-dev), if it
// is not one of those that Supported speaks of; nothing, if it is, or if it is not known what the
// version is.
func Unsupported(version string) string {
	v, ok := parse(version)
	if !ok {
		return ""
	}
	oldest, _ := parse(Oldest)
	newest, _ := parse(Version)
	switch {
	case slices.Compare(v[:], oldest[:]) < 0:
		return fmt.Sprintf("Envoy %s is older than what gateway-cp is tested with (%s): it may refuse fields that it does not know", version, Supported())
	case slices.Compare(v[:2], newest[:2]) > 0:
		return fmt.Sprintf("Envoy %s is newer than what gateway-cp is tested with (%s): defaults may be others", version, Supported())
	}
	return ""
}

// parse reads major, minor and patch. What follows a dash or a plus is left out.
func parse(version string) (v [3]int, ok bool) {
	end := cmp.Or(strings.IndexAny(version, "-+")+1, len(version)+1) - 1
	fields := strings.Split(strings.TrimPrefix(version[:end], "v"), ".")
	if len(fields) != len(v) {
		return v, false
	}
	for i, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}
