package files

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// scalar is the value of a YAML scalar.
type scalar struct {
	text string // what a string says, or the JSON of anything else
	tag  string // what YAML takes it for; 1e3 is a !!float, though its text is 1000
}

// resolve reads a YAML scalar as Kubernetes does: sigs.k8s.io/yaml resolves plain scalars by YAML 1.1,
// where no, off and 0777 are not strings.
func resolve(n *yaml.Node) (scalar, error) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&yaml.TaggedStyle == 0 {
		if n.Style&quoted != 0 {
			return stringScalar(n.Value), nil
		}
		return resolvePlain(n.Value)
	}
	tag := n.ShortTag()
	switch tag {
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil {
			return scalar{}, fmt.Errorf("not base64: %w", err)
		}
		return stringScalar(string(data)), nil
	case "!!bool", "!!int", "!!float", "!!null":
		s, err := resolvePlain(n.Value)
		if err != nil {
			return scalar{}, err
		}
		if s.tag != tag && !(tag == "!!float" && s.tag == "!!int") {
			return scalar{}, fmt.Errorf("the value is not a %s", strings.TrimPrefix(tag, "!!"))
		}
		return s, nil
	}
	return stringScalar(n.Value), nil
}

// stringScalar is a string as JSON has it: bytes that are not UTF-8 are not in it.
func stringScalar(s string) scalar {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return scalar{s, "!!str"}
}

// tagOf names the type of the JSON text of a scalar that is no string.
func tagOf(text string) string {
	switch {
	case text == "null":
		return "!!null"
	case text == "true" || text == "false":
		return "!!bool"
	case strings.ContainsAny(text, ".eE"):
		return "!!float"
	}
	return "!!int"
}

var yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// resolvePlain resolves a plain scalar.
func resolvePlain(s string) (scalar, error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return scalar{"null", "!!null"}, nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return scalar{"true", "!!bool"}, nil
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return scalar{"false", "!!bool"}, nil
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return scalar{}, fmt.Errorf("%s is not a number that JSON knows", s)
	}
	switch c := s[0]; {
	case c == '.':
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return floatScalar(f)
		}
	case (c >= '0' && c <= '9' || c == '+' || c == '-') && !isAddress(s) && mayBeNumber(s):
		plain := strings.ReplaceAll(s, "_", "")
		if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
			return scalar{strconv.FormatInt(i, 10), "!!int"}, nil
		}
		if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
			return scalar{strconv.FormatUint(u, 10), "!!int"}, nil
		}
		if yamlFloat.MatchString(plain) {
			if f, err := strconv.ParseFloat(plain, 64); err == nil {
				return floatScalar(f)
			}
		}
	}
	return stringScalar(s), nil
}

// isAddress says whether a scalar has more dots than a number, as IP addresses and versions do. It
// spares them the attempts to read them as one.
func isAddress(s string) bool { return strings.IndexByte(s, '.') != strings.LastIndexByte(s, '.') }

// mayBeNumber says whether a scalar has no other characters than numbers have, as amounts (128Mi) and
// flags do. It spares them the attempts, too.
func mayBeNumber(s string) bool {
	for i := range len(s) {
		switch c := s[i] | 0x20; { // in lower case; what that changes else is nothing of these
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c == 'x', c == 'o', c == '+', c == '-', c == '.', s[i] == '_':
		default:
			return false
		}
	}
	return true
}

func floatScalar(f float64) (scalar, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return scalar{}, fmt.Errorf("%v is not a number that JSON knows", f)
	}
	text, err := json.Marshal(f)
	return scalar{string(text), "!!float"}, err
}

// keyName gives a map key as Kubernetes reads it: on, 8080 and 1e7 become "true", "8080" and
// "1e+07".
func keyName(n *yaml.Node) (string, error) {
	key, err := resolve(n)
	if err != nil {
		return "", err
	}
	switch key.tag {
	case "!!null":
		return "", fmt.Errorf("a key is empty")
	case "!!str":
		return key.text, nil
	case "!!float":
		f, err := strconv.ParseFloat(key.text, 64)
		switch s := strconv.FormatFloat(f, 'g', -1, 32); s {
		case "+Inf":
			return ".inf", err
		case "-Inf":
			return "-.inf", err
		default:
			return s, err
		}
	}
	return key.text, nil
}
