package v1alpha1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// MarshalJSON writes an integer or a string.
func (p Percent) MarshalJSON() ([]byte, error) { return intstr.IntOrString(p).MarshalJSON() }

// UnmarshalJSON reads an integer or a string. A number with a decimal point is refused with
// the advice to quote it: JSON and YAML readers may round it.
func (p *Percent) UnmarshalJSON(data []byte) error {
	if len(data) == 0 {
		return errors.New("a percentage must be an integer or a string")
	}
	if bytes.IndexByte([]byte("-0123456789"), data[0]) >= 0 && bytes.ContainsAny(data, ".eE") {
		return fmt.Errorf("a percentage with decimals must be a string: write %q instead of %s", data, data)
	}
	var v intstr.IntOrString
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("a percentage must be an integer or a string, not %s", data)
	}
	*p = Percent(v)
	return nil
}

// String gives the share as it was written, without a percent sign.
func (p Percent) String() string { return (*intstr.IntOrString)(&p).String() }

// Weight gives the share in units of 0.01 %: from 0 to WeightTotal. It returns an error for
// what is not a decimal number from 0 to 100 with at most two decimals.
func (p Percent) Weight() (int32, error) {
	if p.Type == intstr.Int {
		if p.IntVal < 0 || p.IntVal > 100 {
			return 0, fmt.Errorf("%d is not between 0 and 100", p.IntVal)
		}
		return p.IntVal * (WeightTotal / 100), nil
	}
	whole, decimals, dot := strings.Cut(p.StrVal, ".")
	if whole != "100" && !digits(whole, 2) || dot && !digits(decimals, 2) {
		return 0, fmt.Errorf("%q is not a number from 0 to 100 with at most two decimals, such as \"99.95\"", p.StrVal)
	}
	// At most five digits: never out of range.
	weight, _ := strconv.Atoi(whole + (decimals + "00")[:2])
	if weight > WeightTotal {
		return 0, fmt.Errorf("%q is more than 100", p.StrVal)
	}
	return int32(weight), nil
}

// Fraction gives the share as a part of 1; 0 where there is none, or none that Weight takes.
func (p *Percent) Fraction() float64 {
	if p == nil {
		return 0
	}
	w, err := p.Weight()
	if err != nil {
		return 0
	}
	return float64(w) / WeightTotal
}

// digits says whether s is one to limit decimal digits.
func digits(s string, limit int) bool {
	return s != "" && len(s) <= limit && strings.Trim(s, "0123456789") == ""
}
