package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/gateway-cp/gateway-cp/api"
)

// ErrListener means that it is not clear which listener a request goes to, or that there is
// none. The message lists those that there are.
var ErrListener = errors.New("it is not clear to which listener the request goes")

// listenerError is an ErrListener that says which it is.
type listenerError string

func (e listenerError) Error() string        { return string(e) }
func (e listenerError) Is(target error) bool { return target == ErrListener }

// chooseListener finds the listener that a request goes to. Where several are left, it is the
// one where something answers for the host of the request; the note says so.
func (m *Model) chooseListener(r *Request) (l *Listener, note string, err error) {
	if len(m.Listeners) == 0 {
		return nil, "", listenerError(fmt.Sprintf("fleet %q has no listener", m.Viewer.Fleet))
	}
	found := m.listenersFor(r, true)
	asked := r.Listener != "" || r.Gateway != "" || !r.AnyPort
	if len(found) == 0 && r.AnyPort {
		found = m.listenersFor(r, false)
		note = fmt.Sprintf("nothing listens on port %d, which %s implies", r.Port, r.Scheme)
	}
	if len(found) == 0 {
		if asked && r.AnyPort {
			note = ""
		}
		return nil, "", listenerError(fmt.Sprintf("no listener %s; there are %s", wanted(r), m.listenerNames()))
	}
	if len(found) > 1 {
		found, note = m.answering(found, r, note)
	}
	if len(found) > 1 {
		return nil, "", listenerError(names(found) + " come into question: choose one")
	}
	if note != "" && r.Listener == "" {
		note += ": taken is " + found[0].Name
	} else {
		note = ""
	}
	if r.Port == 0 || !found[0].listens("", r.Port) {
		r.Port = found[0].Port
	}
	r.Listener, r.AnyPort = found[0].Name, false
	return found[0], note, nil
}

// listenersFor gives the listeners that a request may go to.
func (m *Model) listenersFor(r *Request, onPort bool) []*Listener {
	var found []*Listener
	for _, l := range m.Listeners {
		switch {
		case r.Listener != "":
			if l.Name != r.Listener {
				continue
			}
		case onPort && !l.listens(r.Address, r.Port), !onPort && l.TLS != (r.Scheme == "https"):
			continue
		case !onPort && r.Address != "" && !l.listens(r.Address, 0):
			continue
		}
		if r.Gateway != "" && !slices.ContainsFunc(l.From, func(o Origin) bool {
			return ofGateway(o) && o.Object.Namespace+"/"+o.Object.Name == r.Gateway
		}) {
			continue
		}
		found = append(found, l)
	}
	return found
}

// listens says whether a listener gets what is sent to an address and port; empty and 0: any.
func (l *Listener) listens(address string, port uint32) bool {
	at := func(a string, p uint32) bool {
		return (port == 0 || p == port) && (address == "" || reaches(a, address))
	}
	return at(l.Address, l.Port) || slices.ContainsFunc(l.Envoy.GetAdditionalAddresses(), func(a *listenerv3.AdditionalAddress) bool {
		s := a.GetAddress().GetSocketAddress()
		return at(s.GetAddress(), s.GetPortValue())
	})
}

// reaches says whether a listener gets what is sent to an address. An unspecified address
// stands for all of its family.
func reaches(listener, address string) bool {
	l, err1 := netip.ParseAddr(listener)
	a, err2 := netip.ParseAddr(address)
	return err1 == nil && err2 == nil && (l == a || l.IsUnspecified() && l.Is4() == a.Is4())
}

// answering narrows listeners down to those that have the most specific virtual host for the
// request. Where none has any, and all end it in the same way, one of them stands for all.
func (m *Model) answering(found []*Listener, r *Request, note string) ([]*Listener, string) {
	var kept []*Listener
	best := 0
	ends := map[string]bool{}
	for _, l := range found {
		e := m.explainAt(l, *r)
		ends[howItEnds(e)] = true
		rank := hostRank(e)
		if rank > best {
			kept, best = nil, rank
		}
		if rank == best {
			kept = append(kept, l)
		}
	}
	if best == 0 && len(ends) == 1 {
		one := max(0, slices.IndexFunc(kept, func(l *Listener) bool { return slices.ContainsFunc(l.From, ofGateway) })) // sooner meant than that for Services
		return kept[one : one+1], fmt.Sprintf("%s all end the request in this way", names(found))
	}
	if len(kept) == 1 && note == "" {
		note = fmt.Sprintf("of %s one answers for %s", names(found), r.Authority)
	}
	return kept, note
}

func ofGateway(o Origin) bool { return o.Object.Kind == api.KindGateway }

// howItEnds tells ends without a virtual host apart.
func howItEnds(e *Explanation) string {
	text := ""
	for _, o := range e.Outcomes {
		text += fmt.Sprintf("%s %d ", o.Kind, o.Status)
	}
	return text
}

// hostRank says how well the virtual host that was found fits.
func hostRank(e *Explanation) int {
	switch {
	case e.Host == nil:
		return 0
	case e.Host.Domain == "*" && len(e.Routes) == 0:
		return 1
	case e.Host.Domain == "*":
		return 2
	case strings.HasPrefix(e.Host.Domain, "*"):
		return 3
	}
	return 4
}

func wanted(r *Request) string {
	var what []string
	if r.Listener != "" {
		return "is named " + r.Listener
	}
	if r.Gateway != "" {
		what = append(what, "is of Gateway "+r.Gateway)
	}
	if r.Address != "" {
		what = append(what, "is on address "+r.Address)
	}
	if r.AnyPort {
		what = append(what, "speaks "+r.Scheme)
	} else {
		what = append(what, fmt.Sprintf("is on port %d", r.Port))
	}
	return strings.Join(what, " and ")
}

func (m *Model) listenerNames() string { return names(m.Listeners) }

func names(all []*Listener) string {
	const most = 8
	var list []string
	for i, l := range all {
		if i == most {
			list = append(list, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		scheme := "http"
		if l.TLS {
			scheme = "https"
		}
		list = append(list, l.Name+" ("+scheme+")")
	}
	return strings.Join(list, ", ")
}

// chooseChain finds the filter chain of a connection by the server name that the client asks
// for, the most specific first; nil when there is none, and Envoy closes the connection.
// https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch
func chooseChain(l *Listener, r *Request) (*Chain, string) {
	named := func(name string) *Chain {
		i := slices.IndexFunc(l.Chains, func(c *Chain) bool { return slices.Contains(c.ServerNames, name) })
		if i < 0 {
			return nil
		}
		return l.Chains[i]
	}
	var rest *Chain
	if i := slices.IndexFunc(l.Chains, func(c *Chain) bool { return len(c.ServerNames) == 0 }); i >= 0 {
		rest = l.Chains[i]
	}
	if !l.TLS {
		if rest == nil {
			return nil, "the listener has no filter chain yet"
		}
		return rest, "the listener does not look at server names"
	}
	if r.Scheme != "https" && rest == nil {
		return nil, notTLS
	}
	sni := ""
	if r.Scheme == "https" {
		sni = strings.ToLower(r.ServerName)
	}
	if sni != "" {
		if c := named(sni); c != nil {
			return c, "the server name " + sni + " is its own"
		}
		for suffix := sni; ; {
			_, after, more := strings.Cut(suffix, ".")
			if !more {
				break
			}
			suffix = after
			if c := named("*." + suffix); c != nil {
				return c, "the server name " + sni + " is one of *." + suffix
			}
		}
	}
	asked := "the client asks for no server name"
	if sni != "" {
		asked = "no other one is for the server name " + sni
	}
	if rest != nil {
		return rest, asked
	}
	return nil, asked + ", and there is no filter chain for all (" + serverNames(l) + ")"
}

// notTLS says why plain HTTP ends at a listener for TLS.
const notTLS = "the listener speaks TLS, and the client does not: use https"

func serverNames(l *Listener) string {
	var all []string
	for _, c := range l.Chains {
		all = append(all, c.ServerNames...)
	}
	slices.Sort(all)
	if len(all) > 8 {
		all = append(all[:8], "…")
	}
	return "the listener has " + strings.Join(all, ", ")
}
