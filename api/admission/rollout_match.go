package admission

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// mostMatches bounds the matches of a list, and what one of them may name of a kind.
const mostMatches = 16

func (r *report) requestMatches(at *field.Path, all []v1alpha1.RequestMatch) {
	r.atMost(at, len(all), mostMatches)
	for i := range all {
		r.requestMatch(at.Index(i), &all[i])
	}
}

// requestMatch asks for something: what asks for nothing would be everybody's request.
func (r *report) requestMatch(at *field.Path, m *v1alpha1.RequestMatch) {
	if len(m.Headers)+len(m.Cookies)+len(m.Hosts) == 0 {
		r.missing(at, "say which requests: headers: [{name: x-canary, value: always}], cookies: [{name: canary, value: always}] or hosts: [canary.example.com]")
	}
	r.valueMatches(at.Child("headers"), m.Headers, true)
	r.valueMatches(at.Child("cookies"), m.Cookies, false)
	r.atMost(at.Child("hosts"), len(m.Hosts), mostMatches)
	seen := map[string]int{}
	for i, host := range m.Hosts {
		r.hostname(at.Child("hosts").Index(i), host, false)
		if first, again := seen[host]; again {
			r.duplicate(at.Child("hosts").Index(i), at.Child("hosts").Index(first), "the host %q", host)
		}
		seen[host] = i
	}
}

func (r *report) valueMatches(at *field.Path, all []v1alpha1.ValueMatch, headers bool) {
	r.atMost(at, len(all), mostMatches)
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
		name := at.Index(i).Child("name")
		r.headerName(name, m.Name)
		if headers {
			r.arrivingHeader(name, m.Name)
		}
		r.matchValue(at.Index(i), cmp.Or(m.Type, v1alpha1.MatchExact), m.Value, 4096)
	}
	r.distinctNames(at, names, headers)
}

func (r *report) copies(at *field.Path, m *v1alpha1.Mirror) {
	r.weight(at.Child("percent"), m.Percent)
	seen := map[string]int{}
	for i, method := range m.Methods {
		path := at.Child("methods").Index(i)
		switch method {
		case "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE":
		default:
			r.fail(path, api.ReasonInvalidField, "use a method in capitals, such as GET", "%q is not a method", method)
		}
		if first, again := seen[method]; again {
			r.duplicate(path, at.Child("methods").Index(first), "the method %q", method)
		}
		seen[method] = i
	}
}

func (r *report) preview(at *field.Path, p *v1alpha1.Preview, names map[string]int) {
	if p.Version == "" {
		r.missing(at.Child("version"), "name the version that is to be shown")
	} else {
		r.knownVersion(at.Child("version"), p.Version, names)
	}
	if len(p.Match) == 0 {
		r.missing(at.Child("match"), "say which requests go to it: match: [{headers: [{name: x-preview, value: always}]}]")
	}
	r.requestMatches(at.Child("match"), p.Match)
}

func (r *report) stickiness(at *field.Path, s *v1alpha1.Stickiness, blueGreen bool) {
	switch {
	case s.Header == "" && s.Cookie == nil:
		r.missing(at, "give one of header: x-user-id and cookie: {name: user}")
	case s.Header != "" && s.Cookie != nil:
		r.fail(at.Child("cookie"), api.ReasonInvalidField, "keep one of the two", "cannot be used together with header")
	case s.Header != "":
		r.headerName(at.Child("header"), s.Header)
		r.arrivingHeader(at.Child("header"), s.Header)
	default:
		r.headerName(at.Child("cookie", "name"), s.Cookie.Name)
		if d := s.Cookie.TTL; d != nil && d.Duration <= 0 {
			r.fail(at.Child("cookie", "ttl"), api.ReasonInvalidField, "leave it out for a cookie that goes when the browser is closed", "it must be more than 0")
		}
	}
	if blueGreen {
		r.warn(at, api.ReasonInvalidField, "leave it out", "it has no effect with blueGreen, which moves all users at once")
	}
}
