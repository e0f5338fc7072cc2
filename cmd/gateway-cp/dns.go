package main

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"

	miekg "github.com/miekg/dns"
	"github.com/spf13/cobra"
	k8svalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/dns"
	"github.com/gateway-cp/gateway-cp/translator"
)

// dnsConfig is what answering as a cluster's DNS needs to know.
type dnsConfig struct {
	Address   string // host:port; empty: no DNS
	Domain    string
	Fleet     string
	Upstreams []string
	Limits    dns.Limits

	// upstreams are Upstreams, each as host:port.
	upstreams []string
}

// addDNSFlags adds the flags that serve and run share.
func addDNSFlags(cmd *cobra.Command, c *dnsConfig) {
	d := dns.DefaultLimits()
	f := cmd.Flags()
	f.StringVar(&c.Address, "dns-address", "", "where Services are answered as a cluster's DNS, over UDP and TCP: host:port; empty for nowhere")
	f.StringVar(&c.Domain, "dns-domain", "", "domain of the names that DNS answers (default: the Fleet's spec.clusterDomain)")
	f.StringSliceVar(&c.Upstreams, "dns-upstream", nil, "resolvers that DNS asks about other names, in this order: host, host:port, or the path of a resolv.conf (default: other names are refused)")
	f.IntVar(&c.Limits.UDPSize, "dns-max-udp-size", d.UDPSize, "bytes of a DNS answer over UDP; longer ones are cut, and the client comes back over TCP")
	f.IntVar(&c.Limits.Connections, "dns-max-connections", d.Connections, "TCP connections to DNS that are served at once")
	f.IntVar(&c.Limits.Forwards, "dns-max-forwards", d.Forwards, "DNS queries that wait for resolvers at once; more get SERVFAIL")
	f.IntVar(&c.Limits.CacheSize, "dns-cache-size", d.CacheSize, "answers of resolvers that DNS keeps (0: none)")
}

// check refuses what cannot be, and finds the resolvers.
func (c *dnsConfig) check() error {
	if c.Address == "" {
		return nil
	}
	if err := checkHostPort("dns-address", c.Address); err != nil {
		return err
	}
	if c.Domain != "" {
		if faults := k8svalidation.IsDNS1123Subdomain(c.Domain); len(faults) > 0 {
			return withHint(usagef("--dns-domain %q is not the name of a domain", c.Domain), "%s", faults[0])
		}
	}
	if faults := k8svalidation.IsDNS1123Subdomain(c.Fleet); len(faults) > 0 {
		return withHint(usagef("--dns-fleet %q cannot be the name of a Fleet", c.Fleet), "%s", faults[0])
	}
	if err := c.Limits.Check(); err != nil {
		return usagef("the limits of DNS: %w", err)
	}
	c.upstreams = nil
	for _, given := range c.Upstreams {
		found, err := readUpstream(given)
		if err != nil {
			return err
		}
		c.upstreams = append(c.upstreams, found...)
	}
	if slices.Contains(c.upstreams, c.Address) {
		return withHint(usagef("--dns-upstream names %s, which is --dns-address: every query would come back", c.Address),
			"name the resolver that knows other names")
	}
	return nil
}

// checkHostPort is checkAddress for what cannot be a socket.
func checkHostPort(flag, address string) error {
	if _, ok := unixPath(address); ok {
		return withHint(usagef("--%s: %q is a socket", flag, address), "write host:port")
	}
	return checkAddress(flag, address)
}

// readUpstream reads a resolver: an address, or a file like /etc/resolv.conf that lists some.
func readUpstream(given string) ([]string, error) {
	const flag = "dns-upstream"
	if filepath.IsAbs(given) {
		listed, err := miekg.ClientConfigFromFile(given)
		if err != nil {
			return nil, usagef("--%s: %w", flag, err)
		}
		if len(listed.Servers) == 0 {
			return nil, usagef("--%s: %s names no server", flag, given)
		}
		var all []string
		for _, server := range listed.Servers {
			all = append(all, net.JoinHostPort(server, listed.Port))
		}
		return all, nil
	}
	if _, err := netip.ParseAddr(given); err == nil {
		return []string{net.JoinHostPort(given, strconv.Itoa(dnsPort))}, nil
	}
	return []string{given}, checkHostPort(flag, given)
}

const dnsPort = 53

// openDNS listens for DNS queries, where they shall be answered.
func (i *instance) openDNS() (err error) {
	c := i.config.DNS
	if c.Address == "" {
		return nil
	}
	if i.dns, err = dns.Listen(c.Address); err != nil {
		return withHint(cannotf("DNS address: %w", err), "give another --dns-address")
	}
	i.names = dns.NewZone(dns.ZoneOptions{Fleet: c.Fleet, Domain: c.Domain})
	i.resolver = dns.NewServer(i.names, dns.Options{Upstreams: c.upstreams, Limits: c.Limits})
	i.registry.MustRegister(i.resolver)
	return nil
}

// tellNames tells DNS what has changed: Services as they are with the numbers that they got. It does
// not wait for the translation.
func (c *controlPlane) tellNames(changes []translator.Change) {
	if c.instance.names == nil {
		return
	}
	var set []*api.Object
	var gone []api.Key
	for _, change := range changes {
		if change.Object == nil {
			gone = append(gone, change.Key)
		} else {
			set = append(set, change.Object)
		}
	}
	c.instance.names.Apply(set, gone)
}

// addDNSFleetFlag adds the flag of serve, which may have Envoys of several fleets.
func addDNSFleetFlag(cmd *cobra.Command, c *dnsConfig) {
	cmd.Flags().StringVar(&c.Fleet, "dns-fleet", v1alpha1.DefaultFleet, "fleet whose Services DNS answers")
}
