package traffic

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/types/known/anypb"
)

func inline(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte(s)}}
}

// Secrets go wherever they are, also deep inside of extensions; what is none stays.
func TestRedact(t *testing.T) {
	inner, err := anypb.New(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificates: []*tlsv3.TlsCertificate{{CertificateChain: inline("public"), PrivateKey: inline("secret1"), Password: inline("secret2")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: inner}}
	generic := &tlsv3.Secret{Name: "token", Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline("secret3")}}}
	keys := &tlsv3.Secret{Name: "keys", Type: &tlsv3.Secret_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline("secret4")}}}}
	file := &tlsv3.TlsCertificate{PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: "/tls/key"}}}
	if err := Redact(m); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*tlsv3.Secret{generic, keys} {
		if err := Redact(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := Redact(file); err != nil || file.GetPrivateKey().GetFilename() != "/tls/key" {
		t.Errorf("a path is no secret: %v, %v", file, err)
	}
	text := prototext.Format(m) + string(inner.Value) + prototext.Format(generic) + prototext.Format(keys)
	if strings.Contains(text, "secret1") || strings.Contains(text, "secret2") || strings.Contains(text, "secret3") || strings.Contains(text, "secret4") {
		t.Errorf("a secret is left in %s", text)
	}
	if !strings.Contains(text, "public") || strings.Count(text, Redacted) < 3 {
		t.Errorf("got %s", text)
	}
}
