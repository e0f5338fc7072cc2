package schema

import (
	"encoding/base64"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/gateway-cp/gateway-cp/api"
)

// formats are the types that have their own way to read JSON, and how to check a value.
var formats = map[string]func(r *report, p *path, v any){
	"quantity":      (*report).quantity,
	"int-or-string": (*report).intOrString,
	"date-time":     timeFormat(time.RFC3339),
	"micro-time":    timeFormat("2006-01-02T15:04:05.000000Z07:00"),
	"duration":      (*report).duration,
	"byte":          (*report).base64,
}

// quantity is what resource.Quantity reads: text such as 500m, or a number.
func (r *report) quantity(p *path, v any) {
	switch v := v.(type) {
	case int64, float64:
	case string:
		if _, err := resource.ParseQuantity(v); err != nil {
			r.fail(p, api.ReasonInvalidField, "write a number with an optional suffix, such as 500m, 2, 64Mi or 1.5Gi", "%q is not a quantity", v)
		}
	default:
		r.wrongType(p, v, "a quantity such as 500m or 64Mi")
	}
}

func (r *report) intOrString(p *path, v any) {
	switch v := v.(type) {
	case string:
	case int64:
		if v > math.MaxInt32 || v < math.MinInt32 {
			r.wrongType(p, v, "a whole number of at most 32 bits")
		}
	default:
		r.wrongType(p, v, "a whole number or a string")
	}
}

func timeFormat(layout string) func(r *report, p *path, v any) {
	return func(r *report, p *path, v any) {
		text, ok := v.(string)
		if !ok {
			r.wrongType(p, v, "a time")
			return
		}
		if _, err := time.Parse(layout, text); err != nil {
			r.fail(p, api.ReasonInvalidField, "write it as in 2026-01-31T12:00:00Z", "%q is not a time", text)
		}
	}
}

func (r *report) duration(p *path, v any) {
	text, ok := v.(string)
	if !ok {
		r.wrongType(p, v, "a duration such as 30s")
		return
	}
	if _, err := time.ParseDuration(text); err != nil {
		r.fail(p, api.ReasonInvalidField, "write it as in 30s or 1h30m", "%q is not a duration", text)
	}
}

func (r *report) base64(p *path, v any) {
	text, ok := v.(string)
	if !ok {
		r.wrongType(p, v, "a string")
		return
	}
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		r.fail(p, api.ReasonInvalidField, "encode it with base64, or use a field for plain text where there is one, such as stringData of a Secret", "not valid base64")
	}
}
