package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/traffic"
)

// World is what tests are held against.
type World struct {
	// Models are those of an Envoy of each fleet, sorted by fleet.
	Models []*traffic.Model
	// Services and Rollouts are what there is of them, by namespace/name.
	Services map[string]Service
	Rollouts map[string]Rollout
	// Ports are the ports of all Services of the manifests, by namespace/name, whether any route uses them or
	// not: what tests name must be among them.
	Ports map[string][]string
	// Now is the time that expressions are told.
	Now time.Time
	// Place fills in the positions of fields, so that failures name them; it may be nil.
	Place func(*traffic.Origin)
}

// Service is what expressions are told of a Service.
type Service struct {
	Endpoints int // that take requests
}

// Rollout is what expressions are told of a Rollout.
type Rollout struct {
	Service string             // namespace/name, whose traffic it splits
	Weights map[string]float64 // in percent, by version
	Phase   string
}

// build makes the request that is sent.
func (r *Request) build() (traffic.Request, error) {
	q, err := traffic.NewRequest(r.URL)
	if err != nil {
		return q, err
	}
	if r.Method != "" {
		q.Method = r.Method
	}
	if r.HTTP2 {
		q.Protocol = traffic.HTTP2
	}
	if r.From != "" {
		ip, err := netip.ParseAddr(r.From)
		if err != nil {
			return q, fmt.Errorf("from: %q is not an IP address", r.From)
		}
		q.Client = ip.Unmap().String()
	}
	if r.SNI != "" {
		q.ServerName = strings.TrimPrefix(r.SNI, "-")
	}
	q.Listener, q.Gateway = r.Listener, r.Gateway
	if r.Port != 0 {
		q.Port, q.AnyPort = uint32(r.Port), false
	} else if r.Gateway != "" {
		q.AnyPort = true
	}
	names := make([]string, 0, len(r.Headers))
	for name := range r.Headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if strings.EqualFold(name, "Host") {
			q.Authority = r.Headers[name]
			continue
		}
		q.Headers = append(q.Headers, traffic.Header{Name: name, Value: r.Headers[name]})
	}
	return q, q.Check()
}

// fleets gives the models of a fleet, or all.
func (w *World) fleets(name string) ([]*traffic.Model, error) {
	if name == "" {
		return w.Models, nil
	}
	i := slices.IndexFunc(w.Models, func(m *traffic.Model) bool { return m.Viewer.Fleet == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no fleet %q", name)
	}
	return w.Models[i : i+1], nil
}

// explain says which way a request takes: in the fleet that it names, the only one, or the only
// one that answers for its host.
func (w *World) explain(fleet string, q traffic.Request) (*traffic.Explanation, error) {
	models, err := w.fleets(fleet)
	if err != nil {
		return nil, err
	}
	var found []*traffic.Explanation
	var failed error
	for _, m := range models {
		e, err := m.Explain(q)
		switch {
		case err != nil:
			failed = err
		case e.Host != nil || len(models) == 1:
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("several fleets answer for it: say which with request.fleet")
	case failed != nil:
		return nil, failed
	}
	return nil, fmt.Errorf("no fleet answers for the host %s", q.Authority)
}
