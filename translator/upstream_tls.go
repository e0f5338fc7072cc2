package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	corev1 "k8s.io/api/core/v1"
)

const tlsSocket = "envoy.transport_sockets.tls"

// upstreamTLS is how TLS to the endpoints of a cluster is set up and verified: against an authority, and
// always against names as well. An authority alone would take the certificate of anybody under it.
type upstreamTLS struct {
	sni         string
	authorities *corev3.DataSource
	names       []*tlsv3.SubjectAltNameMatcher
}

// tlsOutside is the TLS to a name outside, where the port says that it is spoken there: the certificate must
// be for that name, from a well-known authority.
func tlsOutside(f fleet, service *corev1.Service, port *corev1.ServicePort) *upstreamTLS {
	if !isExternal(service) || port.AppProtocol == nil || !speaksTLS(*port.AppProtocol) {
		return nil
	}
	name := externalName(service)
	return &upstreamTLS{sni: name, authorities: f.systemAuthorities(), names: []*tlsv3.SubjectAltNameMatcher{dnsName(name)}}
}

func (f fleet) systemAuthorities() *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: f.Spec.SystemCACertificates}}
}

func dnsName(name string) *tlsv3.SubjectAltNameMatcher {
	return &tlsv3.SubjectAltNameMatcher{
		SanType: tlsv3.SubjectAltNameMatcher_DNS,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
	}
}

// overTLS has a cluster speak TLS; nil: it does not.
func (e *encoder) overTLS(c *clusterv3.Cluster, tls *upstreamTLS, http2 bool) {
	if tls == nil {
		return
	}
	protocol := "http/1.1"
	if http2 {
		protocol = "h2"
	}
	c.TransportSocket = &corev3.TransportSocket{
		Name: tlsSocket,
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.any(&tlsv3.UpstreamTlsContext{
			Sni: tls.sni,
			CommonTlsContext: &tlsv3.CommonTlsContext{
				AlpnProtocols: []string{protocol},
				ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
					TrustedCa:                 tls.authorities,
					MatchTypedSubjectAltNames: tls.names,
				}},
			},
		})},
	}
}
