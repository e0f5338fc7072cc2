package admission

import (
	"net/netip"
	"regexp"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

// port checks the range of a port number.
func (r *report) port(path *field.Path, port int32) {
	if port < 1 || port > 65535 {
		r.fail(path, api.ReasonInvalidField, "use a port from 1 to 65535", "%d is not a port number", port)
	}
}

// portName checks the name of a port (IANA service name).
func (r *report) portName(path *field.Path, name string) {
	if len(validation.IsValidPortName(name)) > 0 {
		r.fail(path, api.ReasonInvalidName,
			"use at most 15 lower-case letters, digits and single '-', with at least one letter", "%q is not a valid port name", name)
	}
}

// address checks an IP address; it gives the zero address for what is not one. Zones and
// IPv4 addresses written as IPv6 are refused, as Kubernetes does in new fields.
func (r *report) address(path *field.Path, address string) netip.Addr {
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		r.fail(path, api.ReasonInvalidField, "use an IPv4 or IPv6 address, such as 10.0.0.1; host names are not resolved here", "%q is not an IP address", address)
		return netip.Addr{}
	case a.Zone() != "":
		r.fail(path, api.ReasonInvalidField, "leave out the part from '%'", "%q has a zone", address)
		return netip.Addr{}
	case a.Is4In6():
		r.fail(path, api.ReasonInvalidField, "write "+a.Unmap().String(), "%q is an IPv4 address written as IPv6", address)
		return netip.Addr{}
	}
	return a
}

// endpointAddress checks an address that requests are sent to: it must be one host's.
func (r *report) endpointAddress(path *field.Path, address string) netip.Addr {
	a := r.address(path, address)
	if a.IsValid() && (a.IsUnspecified() || a.IsMulticast()) {
		r.fail(path, api.ReasonInvalidField, "use the address of one host", "%q is not an address that requests can be sent to", address)
		return netip.Addr{}
	}
	return a
}

// hostnameShape is that of Gateway API host names, without the optional wildcard.
var hostnameShape = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// hostname checks a DNS name that may begin with "*." if wildcard is set.
// https://gateway-api.sigs.k8s.io/reference/spec/#hostname
func (r *report) hostname(path *field.Path, name string, wildcard bool) {
	rest := name
	if wildcard && len(name) > 2 && name[:2] == "*." {
		rest = name[2:]
	}
	if _, err := netip.ParseAddr(name); err == nil {
		r.fail(path, api.ReasonInvalidField, "use a DNS name", "%q is an IP address, not a host name", name)
		return
	}
	if len(name) > 253 || !hostnameShape.MatchString(rest) {
		hint := "use a DNS name in lower case without a port, such as example.com"
		if wildcard {
			hint += " or *.example.com"
		}
		r.fail(path, api.ReasonInvalidField, hint, "%q is not a host name", name)
	}
}

var durationShape = regexp.MustCompile(`^([0-9]{1,5}(h|m|s|ms)){1,4}$`)

// duration reads a Gateway API duration (GEP-2257). It is false when it is not one.
func (r *report) duration(path *field.Path, s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	if err != nil || !durationShape.MatchString(s) {
		r.fail(path, api.ReasonInvalidField, "use up to four numbers with units h, m, s or ms, such as 1m30s", "%q is not a duration", s)
		return 0, false
	}
	return d, true
}

// tokenShape is a header name (RFC 9110, token).
var tokenShape = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$")

// headerName checks the name of a header or query parameter.
func (r *report) headerName(path *field.Path, name string) {
	switch {
	case name == "":
		r.missing(path, "give the name")
	case len(name) > 256 || !tokenShape.MatchString(name):
		r.fail(path, api.ReasonInvalidField, "use letters, digits and '-', at most 256 characters; pseudo-headers such as :path cannot be named", "%q is not a header name", name)
	}
}

// arrivingHeader warns of a request header that Envoy lets nobody send.
func (r *report) arrivingHeader(path *field.Path, name string) {
	if strings.Contains(name, "_") {
		r.warn(path, api.ReasonInvalidField, "use '-' in its place, here and in clients",
			"requests with a '_' in the name of a header are answered 400, so %q never comes", name)
	}
}

// validAddress says whether an endpoint's address is fine and of the family, without
// telling what is wrong.
func validAddress(address string, family discoveryv1.AddressType) bool {
	a, err := netip.ParseAddr(address)
	if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
		return false
	}
	switch family {
	case discoveryv1.AddressTypeIPv4:
		return a.Is4()
	case discoveryv1.AddressTypeIPv6:
		return a.Is6() && !a.Is4In6()
	}
	return false
}
