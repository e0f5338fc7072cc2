package configdump

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gateway-cp/gateway-cp/resource"
)

func inline(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: s}}
}

// What is secret does not get out, wherever it stands; what is not, does.
func TestRedact(t *testing.T) {
	certificate := &tlsv3.TlsCertificate{
		CertificateChain: inline("public"), PrivateKey: inline("SECRET"), Password: inline("SECRET"),
	}
	packed, err := anypb.New(&tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificates: []*tlsv3.TlsCertificate{certificate},
	}})
	if err != nil {
		t.Fatal(err)
	}
	socket := &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed}}
	unknown := &corev3.TransportSocket{ConfigType: &corev3.TransportSocket_TypedConfig{
		TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/no.such.Type", Value: []byte("SECRET")},
	}}
	for _, m := range []proto.Message{
		&tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: proto.Clone(certificate).(*tlsv3.TlsCertificate)}},
		&tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline("SECRET")}}}},
		&tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline("SECRET"), Secrets: map[string]*corev3.DataSource{"a": inline("SECRET")}}}},
		socket, unknown,
	} {
		Redact(m)
		raw, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "SECRET") {
			t.Errorf("%T: %v", m, m)
		}
	}
	inner, err := socket.GetTypedConfig().UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	got := inner.(*tlsv3.UpstreamTlsContext).CommonTlsContext.TlsCertificates[0]
	if got.CertificateChain.GetInlineString() != "public" || got.PrivateKey.GetInlineString() != redacted {
		t.Errorf("%v", got)
	}
}

func TestJSONOfASecret(t *testing.T) {
	raw, err := proto.Marshal(&tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_TlsCertificate{
		TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: inline("public"), PrivateKey: inline("SECRET")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := JSON(resource.Secret, raw)
	if err != nil || strings.Contains(string(out), "SECRET") || !strings.Contains(string(out), "public") {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := JSON(resource.Secret, []byte{0xff}); err == nil {
		t.Error("no message, and no error")
	}
}
