package schema

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// What an API server takes of a Pod's own settings of DNS.
const (
	maxNameservers  = 3
	maxSearches     = 32
	maxSearchLength = 2048 // of all together, in bytes
)

// podNetwork checks how Pods resolve names, and which ports of their node they take.
func (r *report) podNetwork(p *path, s *corev1.PodSpec) {
	r.dns(p.field("dnsConfig"), s)
	for i, alias := range s.HostAliases {
		at := p.field("hostAliases").item(i)
		r.address(at.field("ip"), alias.IP)
		for j, name := range alias.Hostnames {
			r.name(at.field("hostnames").item(j), name, subdomain)
		}
	}
	type port struct {
		protocol corev1.Protocol
		ip       string
		number   int32
	}
	taken := make(map[port]bool)
	for i := range s.Containers {
		for j, c := range s.Containers[i].Ports {
			if c.HostPort == 0 {
				continue
			}
			at := p.field("containers").item(i).field("ports").item(j).field("hostPort")
			if s.HostNetwork && c.HostPort != c.ContainerPort {
				r.invalid(at, "remove it, or make it the containerPort", "is %d, but must be the containerPort %d, as hostNetwork is true", c.HostPort, c.ContainerPort)
			}
			if c.Protocol == "" {
				c.Protocol = corev1.ProtocolTCP
			}
			key := port{c.Protocol, c.HostIP, c.HostPort}
			if taken[key] {
				r.invalid(at, "use another port", "%d is there twice", c.HostPort)
			}
			taken[key] = true
		}
	}
}

func (r *report) dns(p *path, s *corev1.PodSpec) {
	c := s.DNSConfig
	if s.DNSPolicy == corev1.DNSNone && (c == nil || len(c.Nameservers) == 0) {
		r.missing(p.field("nameservers"), "name at least one server, as dnsPolicy is None")
	}
	if c == nil {
		return
	}
	if n := len(c.Nameservers); n > maxNameservers {
		r.invalid(p.field("nameservers"), "", "has %d servers; at most %d are allowed", n, maxNameservers)
	}
	for i, server := range c.Nameservers {
		r.address(p.field("nameservers").item(i), server)
	}
	if n := len(c.Searches); n > maxSearches {
		r.invalid(p.field("searches"), "", "has %d domains; at most %d are allowed", n, maxSearches)
	}
	if n := len(strings.Join(c.Searches, " ")); n > maxSearchLength {
		r.invalid(p.field("searches"), "", "has %d characters; at most %d are allowed", n, maxSearchLength)
	}
	for i, domain := range c.Searches {
		if domain != "." && len(validation.IsDNS1123SubdomainWithUnderscore(strings.TrimSuffix(domain, "."))) > 0 {
			r.invalid(p.field("searches").item(i), "write it as in example.com", "%q is not a domain", domain)
		}
	}
	for i, option := range c.Options {
		if option.Name == "" {
			r.missing(p.field("options").item(i).field("name"), "such as ndots")
		}
	}
}

// address checks an IP address.
func (r *report) address(p *path, text string) {
	if len(validation.IsValidIPForLegacyField(nil, text, true, nil)) > 0 {
		r.invalid(p, "write it as in 10.0.0.1 or 2001:db8::1", "%q is not an IP address", text)
	}
}
