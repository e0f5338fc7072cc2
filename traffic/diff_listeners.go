package traffic

import (
	"fmt"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
)

// listenerSummary says what a listener is that only one side has.
func listenerSummary(a, b *Listener) []Aspect {
	was, now := listenerWords(a), listenerWords(b)
	return []Aspect{{What: "listener", Was: was, Now: now}}
}

func listenerWords(l *Listener) string {
	switch {
	case l == nil:
		return ""
	case l.TLS:
		return fmt.Sprintf("%s port %d, TLS", l.Address, l.Port)
	}
	return fmt.Sprintf("%s port %d", l.Address, l.Port)
}

// diffHeads compares two listeners of one name, filter chains aside.
func diffHeads(a, b *Listener) []Aspect {
	var all []Aspect
	add := func(what, was, now string) {
		if was != now {
			all = append(all, Aspect{what, was, now})
		}
	}
	add("TLS", onOff(a.TLS), onOff(b.TLS))
	x, y := proto.Clone(a.Envoy).(*listenerv3.Listener), proto.Clone(b.Envoy).(*listenerv3.Listener)
	x.FilterChains, y.FilterChains = nil, nil
	if a.TLS != b.TLS {
		x.ListenerFilters, y.ListenerFilters = nil, nil
	}
	if !proto.Equal(x, y) {
		add("settings of the listener"+differing(x, y), unnamedWas, unnamedNow)
	}
	return all
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// chain compares what two filter chains do with a connection, routes aside. A listener that is
// not on both sides has been told of.
func (d *differ) chain(a, b *Listener, pair [2]*Chain, names []string) {
	if a == nil || b == nil {
		return
	}
	c := ListenerChange{Kind: Changed, Name: b.Name, ServerNames: names}
	if !a.TLS && !b.TLS {
		c.ServerNames = nil
	}
	p, q := pair[0], pair[1]
	switch {
	case p == nil:
		c.Kind, c.NowFrom = Added, q.From
		c.Aspects = []Aspect{{What: "connections", Was: "closed", Now: chainWords(q)}}
	case q == nil:
		c.Kind, c.WasFrom = Removed, p.From
		c.Aspects = []Aspect{{What: "connections", Was: chainWords(p), Now: "closed"}}
	default:
		c.WasFrom, c.NowFrom = p.From, q.From
		c.Aspects = diffChains(p, q)
	}
	if len(c.Aspects) > 0 {
		d.found.Listeners = append(d.found.Listeners, c)
	}
}

func chainWords(c *Chain) string {
	if len(c.Certificates) > 0 {
		return "TLS with the certificate of Secret " + strings.Join(c.Certificates, ", ")
	}
	if c.TLS {
		return "TLS"
	}
	return "accepted"
}

// diffChains compares two filter chains, routes and names aside.
func diffChains(p, q *Chain) []Aspect {
	var all []Aspect
	add := func(what, was, now string) {
		if was != now {
			all = append(all, Aspect{what, was, now})
		}
	}
	add("TLS", onOff(p.TLS), onOff(q.TLS))
	add("certificates", strings.Join(p.Certificates, ", "), strings.Join(q.Certificates, ", "))
	add("HTTP filters", filterNames(p.Manager), filterNames(q.Manager))
	if len(all) > 0 {
		return all
	}
	x, y := bareChain(p), bareChain(q)
	switch {
	case !proto.Equal(x.TransportSocket, y.TransportSocket):
		add("TLS settings", unnamedWas, unnamedNow)
	case !proto.Equal(x, y):
		add("settings of connections"+differing(x, y), unnamedWas, unnamedNow)
	default:
		v, w := bareManager(p.Manager), bareManager(q.Manager)
		if !proto.Equal(v, w) {
			add("settings of connections"+differing(v, w), unnamedWas, unnamedNow)
		}
	}
	return all
}

// differing names the fields of Envoy's API in which two messages of one type differ: " (a, b)".
func differing(x, y proto.Message) string {
	var names []string
	a, b := x.ProtoReflect(), y.ProtoReflect()
	if !a.IsValid() || !b.IsValid() {
		return ""
	}
	for i := range a.Descriptor().Fields().Len() {
		f := a.Descriptor().Fields().Get(i)
		if a.Has(f) != b.Has(f) || !a.Get(f).Equal(b.Get(f)) {
			names = append(names, string(f.Name()))
		}
	}
	slices.Sort(names)
	return " (" + strings.Join(names, ", ") + ")"
}

func filterNames(m *hcmv3.HttpConnectionManager) string {
	var all []string
	for _, f := range m.GetHttpFilters() {
		all = append(all, f.Name)
	}
	return strings.Join(all, ", ")
}

// bareChain is a filter chain without its name, what it is found by, and its HTTP connection
// manager.
func bareChain(c *Chain) *listenerv3.FilterChain {
	bare := proto.Clone(c.Envoy).(*listenerv3.FilterChain)
	bare.Name, bare.FilterChainMatch = "", nil
	bare.Filters = slices.DeleteFunc(bare.Filters, func(f *listenerv3.Filter) bool {
		return f.GetTypedConfig().MessageIs(&hcmv3.HttpConnectionManager{})
	})
	return bare
}

// bareManager is a connection manager without what only names it and its routes.
func bareManager(m *hcmv3.HttpConnectionManager) *hcmv3.HttpConnectionManager {
	if m == nil {
		return nil
	}
	bare := proto.Clone(m).(*hcmv3.HttpConnectionManager)
	bare.StatPrefix = ""
	if bare.GetRds() != nil {
		bare.RouteSpecifier = nil
	}
	return bare
}
