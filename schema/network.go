package schema

import (
	"net/netip"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (r *report) ingress(o *networkingv1.Ingress) {
	if len(o.Spec.Rules) == 0 && o.Spec.DefaultBackend == nil {
		r.invalid(spec, "add one of them", "has neither rules nor a defaultBackend")
	}
	r.ingressBackend(spec.field("defaultBackend"), o.Spec.DefaultBackend)
	for i, rule := range o.Spec.Rules {
		at := spec.field("rules").item(i)
		if rule.Host != "" {
			r.ingressHost(at.field("host"), rule.Host)
		}
		if rule.HTTP == nil {
			continue
		}
		for j, path := range rule.HTTP.Paths {
			p := at.field("http").field("paths").item(j)
			r.ingressPath(p, path)
		}
	}
	for i, tls := range o.Spec.TLS {
		for j, host := range tls.Hosts {
			r.ingressHost(spec.field("tls").item(i).field("hosts").item(j), host)
		}
	}
}

func (r *report) ingressPath(p *path, path networkingv1.HTTPIngressPath) {
	switch {
	case path.PathType == nil:
		r.missing(p.field("pathType"), "use Prefix, Exact or ImplementationSpecific")
	case *path.PathType == networkingv1.PathTypeExact || *path.PathType == networkingv1.PathTypePrefix:
		if !strings.HasPrefix(path.Path, "/") {
			r.invalid(p.field("path"), "begin it with /", "%q is not an absolute path", path.Path)
		}
		for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(path.Path, bad) {
				r.invalid(p.field("path"), "", "must not have %s in it", bad)
			}
		}
	case *path.PathType != networkingv1.PathTypeImplementationSpecific:
		r.invalid(p.field("pathType"), "use Prefix, Exact or ImplementationSpecific", "%q is not a type of path", *path.PathType)
	}
	r.ingressBackend(p.field("backend"), &path.Backend)
}

func (r *report) ingressHost(p *path, host string) {
	faults := validation.IsDNS1123Subdomain(host)
	if strings.HasPrefix(host, "*.") {
		faults = validation.IsWildcardDNS1123Subdomain(host)
	}
	if _, err := netip.ParseAddr(host); err == nil || len(faults) > 0 {
		r.invalid(p, "use a DNS name such as shop.example.com or *.example.com", "%q is not a host name", host)
	}
}

func (r *report) ingressBackend(p *path, b *networkingv1.IngressBackend) {
	switch {
	case b == nil:
	case b.Service == nil && b.Resource == nil:
		r.missing(p.field("service"), "name the Service")
	case b.Service != nil && b.Resource != nil:
		r.invalid(p, "remove one of them", "has both a service and a resource")
	case b.Service != nil:
		at := p.field("service")
		if b.Service.Name == "" {
			r.missing(at.field("name"), "")
		} else {
			r.name(at.field("name"), b.Service.Name, label)
		}
		switch port := b.Service.Port; {
		case port.Name == "" && port.Number == 0:
			r.missing(at.field("port"), "give its number or its name")
		case port.Name != "" && port.Number != 0:
			r.invalid(at.field("port"), "remove one of them", "has both a number and a name")
		case port.Name == "":
			r.port(at.field("port").field("number"), port.Number, false)
		case len(validation.IsValidPortName(port.Name)) > 0:
			r.invalid(at.field("port").field("name"), "", "%q is not the name of a port", port.Name)
		}
	}
}

func (r *report) networkPolicy(o *networkingv1.NetworkPolicy) {
	r.selector(spec.field("podSelector"), &o.Spec.PodSelector)
	for i, rule := range o.Spec.Ingress {
		at := spec.field("ingress").item(i)
		r.policyPorts(at.field("ports"), rule.Ports)
		r.policyPeers(at.field("from"), rule.From)
	}
	for i, rule := range o.Spec.Egress {
		at := spec.field("egress").item(i)
		r.policyPorts(at.field("ports"), rule.Ports)
		r.policyPeers(at.field("to"), rule.To)
	}
	for i, t := range o.Spec.PolicyTypes {
		if t != networkingv1.PolicyTypeIngress && t != networkingv1.PolicyTypeEgress {
			r.invalid(spec.field("policyTypes").item(i), "use Ingress or Egress", "%q is not a type of policy", t)
		}
	}
}

func (r *report) policyPorts(p *path, ports []networkingv1.NetworkPolicyPort) {
	for i, port := range ports {
		at := p.item(i)
		if port.Port != nil {
			r.targetPort(at.field("port"), *port.Port)
		}
		if port.EndPort == nil {
			continue
		}
		switch {
		case port.Port == nil:
			r.missing(at.field("port"), "give the first port of the range")
		case port.Port.StrVal != "":
			r.invalid(at.field("endPort"), "give the first port as a number", "cannot be used with the name of a port")
		case *port.EndPort < port.Port.IntVal || *port.EndPort > 65535:
			r.invalid(at.field("endPort"), "give the last port of the range, which begins with port", "is %d, but must be from %d to 65535", *port.EndPort, port.Port.IntVal)
		}
	}
}

func (r *report) policyPeers(p *path, peers []networkingv1.NetworkPolicyPeer) {
	for i, peer := range peers {
		at := p.item(i)
		r.selector(at.field("podSelector"), peer.PodSelector)
		r.selector(at.field("namespaceSelector"), peer.NamespaceSelector)
		switch {
		case peer.IPBlock == nil && peer.PodSelector == nil && peer.NamespaceSelector == nil:
			r.missing(at, "give a podSelector, a namespaceSelector or an ipBlock")
		case peer.IPBlock != nil && (peer.PodSelector != nil || peer.NamespaceSelector != nil):
			r.invalid(at, "make two entries", "has both a selector and an ipBlock")
		case peer.IPBlock != nil:
			r.ipBlock(at.field("ipBlock"), peer.IPBlock)
		}
	}
}

func (r *report) ipBlock(p *path, b *networkingv1.IPBlock) {
	whole, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		r.invalid(p.field("cidr"), "write it as in 10.0.0.0/8", "%q is not a range of addresses", b.CIDR)
		return
	}
	for i, text := range b.Except {
		part, err := netip.ParsePrefix(text)
		if err != nil {
			r.invalid(p.field("except").item(i), "write it as in 10.0.0.0/8", "%q is not a range of addresses", text)
		} else if !whole.Contains(part.Addr()) || part.Bits() <= whole.Bits() {
			r.invalid(p.field("except").item(i), "", "%s is not a part of %s", text, b.CIDR)
		}
	}
}

// maxIngressController is how many characters the controller of an IngressClass may have.
const maxIngressController = 250

func (r *report) ingressClass(o *networkingv1.IngressClass) {
	at := spec.field("controller")
	switch c := o.Spec.Controller; {
	case len(c) > maxIngressController:
		r.invalid(at, "shorten it", "has %d characters; at most %d are allowed", len(c), maxIngressController)
	case len(validation.IsDomainPrefixedPath(nil, c)) > 0:
		r.invalid(at, "write a domain and a path, as in example.com/ingress-controller", "%q is not the name of a controller", c)
	}
}
