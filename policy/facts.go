package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gateway-cp/gateway-cp/traffic"
)

// facts are what becomes of a request, or of the requests that take a route, as expressions see it.
type facts struct {
	outcomes []traffic.Outcome
	name     string // for messages: the route, empty for a request
	extra    map[string]any
}

// share is the part of the requests that goes to one version of a Service.
type share struct {
	service, port, version string
	percent                float64
	copied                 bool
	why                    string
}

// shares gives where requests go, copies included.
func (f *facts) shares() []share {
	var all []share
	for _, o := range f.outcomes {
		if o.Forward == nil {
			continue
		}
		for _, c := range o.Forward.Clusters {
			if c.Share > 0 {
				all = append(all, share{service: serviceName(c), port: c.Port, version: c.Version, percent: 100 * o.Share * c.Share, why: c.Why})
			}
		}
		for _, m := range o.Forward.Mirrors {
			parts := append(strings.SplitN(m, "/", 4), "", "")
			all = append(all, share{service: parts[0] + "/" + parts[1], port: parts[2], copied: true})
		}
	}
	return all
}

func serviceName(c traffic.ClusterShare) string {
	if c.Service.Name == "" {
		return c.Name
	}
	return c.Service.Namespace + "/" + c.Service.Name
}

func (s share) String() string {
	text := s.service + ":" + s.port
	if s.version != "" {
		text += " version " + s.version
	}
	return text
}

// is says whether a share is of a Service, namespace/name or namespace/name:port.
func (s share) is(service string) bool {
	return s.service == service || s.service+":"+s.port == service
}

// forward gives what is said of the requests that go on; nil when none do.
func (f *facts) forward() *traffic.Forwarding {
	i := slices.IndexFunc(f.outcomes, func(o traffic.Outcome) bool { return o.Forward != nil })
	if i < 0 {
		return nil
	}
	return f.outcomes[i].Forward
}

// String says what is.
func (f *facts) String() string {
	text := traffic.Destination(f.outcomes)
	if f.forward() != nil {
		return "it goes to " + text
	}
	return "it gets " + text
}

// because says what decides that.
func (f *facts) because() string {
	o := f.outcomes[0]
	if o.From == nil {
		return o.Why
	}
	text := o.From.Object.String() + " " + o.From.Path
	if at := o.From.Position.String(); at != "" {
		text += " at " + at
	}
	if o.Why != "" {
		return o.Why + "; " + text
	}
	return text
}

// variables are what expressions see as route.
func (f *facts) variables() map[string]any {
	v := map[string]any{"kind": "", "status": 0, "location": "", "host": "", "path": "", "timeout": "none", "attempts": 0}
	if len(f.outcomes) > 0 {
		o := f.outcomes[0]
		v["kind"], v["status"], v["location"] = string(o.Kind), int(o.Status), o.Location
		if o.From != nil {
			v["object"], v["field"] = o.From.Object.String(), o.From.Path
		}
	}
	if w := f.forward(); w != nil {
		v["host"], v["path"], v["timeout"], v["attempts"] = w.Authority, w.Path, w.Timeout, w.Attempts
		v["requestHeaders"], v["responseHeaders"] = w.RequestHeaders, w.ResponseHeaders
	}
	services := []any{}
	for _, s := range f.shares() {
		services = append(services, map[string]any{"service": s.service, "port": s.port, "version": s.version, "percent": s.percent, "copy": s.copied, "available": s.why == ""})
	}
	v["services"] = services
	for name, value := range f.extra {
		v[name] = value
	}
	return v
}

// factsOf are those of all routes that a selector takes.
func (w *World) factsOf(s *Selector) ([]*facts, error) {
	models, err := w.fleets(s.Fleet)
	if err != nil {
		return nil, err
	}
	var all []*facts
	for _, m := range models {
		m.EachRoute(s.Services, func(v traffic.RouteView) {
			if s.takes(v) {
				all = append(all, &facts{
					outcomes: []traffic.Outcome{v.Outcome},
					name:     fmt.Sprintf("%s %s on %s", traffic.HostNames(v.Host.Domains), v.Match, v.Listener.Name),
					extra:    map[string]any{"hosts": v.Host.Domains, "match": v.Match, "listener": v.Listener.Name, "tls": v.Chain.TLS, "fleet": m.Viewer.Fleet},
				})
			}
		})
	}
	return all, nil
}

func (s *Selector) takes(v traffic.RouteView) bool {
	gateway := func(o traffic.Origin) bool { return o.Object.Namespace+"/"+o.Object.Name == s.Gateway }
	switch {
	case s.Gateway != "" && !slices.ContainsFunc(v.Listener.From, gateway):
		return false
	case s.Listener != "" && v.Listener.Name != s.Listener:
		return false
	}
	return s.Host == "" || slices.Contains(v.Host.Domains, s.Host)
}
