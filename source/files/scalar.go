package files

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalarJSON gives the JSON text of a YAML scalar as Kubernetes reads it: sigs.k8s.io/yaml
// resolves plain scalars by YAML 1.1, where no, off and 0777 are not strings.
func scalarJSON(n *yaml.Node) (string, error) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&yaml.TaggedStyle == 0 {
		if n.Style&quoted != 0 {
			return quote(n.Value), nil
		}
		return plainJSON(n.Value)
	}
	tag := n.ShortTag()
	switch tag {
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil {
			return "", fmt.Errorf("not base64: %w", err)
		}
		return quote(string(data)), nil
	case "!!bool", "!!int", "!!float", "!!null":
		text, err := plainJSON(n.Value)
		if err != nil {
			return "", err
		}
		if got := tagOf(text); got != tag && !(tag == "!!float" && got == "!!int") {
			return "", fmt.Errorf("the value is not a %s", strings.TrimPrefix(tag, "!!"))
		}
		return text, nil
	}
	return quote(n.Value), nil
}

// tagOf names the type of a scalar's JSON text.
func tagOf(text string) string {
	switch {
	case text == "null":
		return "!!null"
	case text == "true" || text == "false":
		return "!!bool"
	case strings.HasPrefix(text, `"`):
		return "!!str"
	case strings.ContainsAny(text, ".eE"):
		return "!!float"
	}
	return "!!int"
}

var yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// plainJSON resolves a plain scalar.
func plainJSON(s string) (string, error) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return "null", nil
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return "true", nil
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return "false", nil
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return "", fmt.Errorf("%s is not a number that JSON knows", s)
	}
	switch c := s[0]; {
	case c == '.':
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return floatJSON(f)
		}
	case c >= '0' && c <= '9' || c == '+' || c == '-':
		plain := strings.ReplaceAll(s, "_", "")
		if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
			return strconv.FormatInt(i, 10), nil
		}
		if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
			return strconv.FormatUint(u, 10), nil
		}
		if yamlFloat.MatchString(plain) {
			if f, err := strconv.ParseFloat(plain, 64); err == nil {
				return floatJSON(f)
			}
		}
	}
	return quote(s), nil
}

func floatJSON(f float64) (string, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "", fmt.Errorf("%v is not a number that JSON knows", f)
	}
	text, err := json.Marshal(f)
	return string(text), err
}

// keyName gives a map key as Kubernetes reads it: on and 8080 become "true" and "8080".
func keyName(n *yaml.Node) (string, error) {
	text, err := scalarJSON(n)
	if err != nil {
		return "", err
	}
	switch tagOf(text) {
	case "!!null":
		return "", fmt.Errorf("a key is empty")
	case "!!str":
		var s string
		err := json.Unmarshal([]byte(text), &s)
		return s, err
	case "!!float":
		f, err := strconv.ParseFloat(text, 64)
		return strconv.FormatFloat(f, 'g', -1, 32), err
	}
	return text, nil
}
