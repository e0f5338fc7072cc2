package envoy

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// TLS is how an Envoy and the control plane prove to each other who they are.
type TLS struct {
	// CA is the PEM file with the CA of the control plane's certificate.
	CA string
	// Cert and Key are the PEM files of the Envoy's own certificate.
	Cert, Key string
	// ServerName is a name in the control plane's certificate: a DNS name, an IP address or a
	// SPIFFE ID; empty: the host of the xDS address, or of one of them.
	ServerName string
	// SecretDir is where the files of Secrets are. With them, Envoy reads certificates
	// again when they are replaced; without, it reads them once.
	SecretDir string
}

// The names of the secrets, which are those of their files without the ending.
const (
	certificateSecret = "xds-certificate"
	validationSecret  = "xds-validation"
)

// Secrets gives the content of the files that must be in SecretDir, by name. Envoy reads
// certificates again only when they come over SDS, and these files are that: each names
// the PEM files and the directory to watch, which works for a Secret mounted by Kubernetes,
// too (https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret#key-rotation).
func (t *TLS) Secrets(xdsAddress string) (map[string][]byte, error) {
	names := serverNames(Options{TLS: t, XDSAddress: xdsAddress})
	files := map[string][]byte{}
	for _, s := range []*tlsv3.Secret{
		{Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: t.certificate(true)}},
		{Name: validationSecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: t.validation(names, true)}},
	} {
		packed, err := pack(s)
		if err != nil {
			return nil, err
		}
		data, err := YAML(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed}})
		if err != nil {
			return nil, err
		}
		files[s.Name+".yaml"] = data
	}
	return files, nil
}

// transportSocket builds the TLS of the control plane's cluster.
func (t *TLS) transportSocket(serverNames []string) (*corev3.TransportSocket, error) {
	if t.CA == "" || t.Cert == "" || t.Key == "" {
		return nil, errors.New("TLS to the control plane needs a CA, a certificate and a key")
	}
	if len(serverNames) == 0 {
		return nil, errors.New("TLS over a Unix socket needs the server name that the certificate is checked for")
	}
	common := &tlsv3.CommonTlsContext{
		AlpnProtocols: []string{"h2"},
		// Envoy's default maximum towards upstreams is 1.2.
		TlsParams: &tlsv3.TlsParameters{
			TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
		},
	}
	if t.SecretDir == "" {
		common.TlsCertificates = []*tlsv3.TlsCertificate{t.certificate(false)}
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: t.validation(serverNames, false)}
	} else {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{t.secretConfig(certificateSecret)}
		common.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContextSdsSecretConfig{
			ValidationContextSdsSecretConfig: t.secretConfig(validationSecret),
		}
	}
	upstream := &tlsv3.UpstreamTlsContext{CommonTlsContext: common}
	if sanType(serverNames[0]) == tlsv3.SubjectAltNameMatcher_DNS {
		upstream.Sni = serverNames[0] // gateway-cp does not look at it
	}
	packed, err := pack(upstream)
	if err != nil {
		return nil, err
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed},
	}, nil
}

// secretConfig points to the file of a secret.
func (t *TLS) secretConfig(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{
		Name: name,
		SdsConfig: &corev3.ConfigSource{
			ResourceApiVersion: corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{
				Path: filepath.Join(t.SecretDir, name+".yaml"),
			}},
		},
	}
}

func (t *TLS) certificate(watched bool) *tlsv3.TlsCertificate {
	c := &tlsv3.TlsCertificate{CertificateChain: file(t.Cert), PrivateKey: file(t.Key)}
	if watched {
		c.WatchedDirectory = &corev3.WatchedDirectory{Path: filepath.Dir(t.Cert)}
	}
	return c
}

// validation checks the chain and the name: a CA alone would accept every name under it.
func (t *TLS) validation(serverNames []string, watched bool) *tlsv3.CertificateValidationContext {
	v := &tlsv3.CertificateValidationContext{TrustedCa: file(t.CA)}
	for _, name := range serverNames {
		v.MatchTypedSubjectAltNames = append(v.MatchTypedSubjectAltNames, &tlsv3.SubjectAltNameMatcher{
			SanType: sanType(name),
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
		})
	}
	if watched {
		v.WatchedDirectory = &corev3.WatchedDirectory{Path: filepath.Dir(t.CA)}
	}
	return v
}

// sanType says what kind of name a certificate must carry.
func sanType(serverName string) tlsv3.SubjectAltNameMatcher_SanType {
	if strings.HasPrefix(serverName, "spiffe://") {
		return tlsv3.SubjectAltNameMatcher_URI
	}
	if _, err := netip.ParseAddr(serverName); err == nil {
		return tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	return tlsv3.SubjectAltNameMatcher_DNS
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
