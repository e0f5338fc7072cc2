package environment

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func service(namespace, name, ip string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: ip, Ports: ports},
	}
}

func text(all []Variable) string {
	var b strings.Builder
	for _, v := range all {
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	return b.String()
}

// The example of Kubernetes' documentation, and what it does not show: names of ports, other
// protocols, IPv6.
func TestOf(t *testing.T) {
	services := []*corev1.Service{
		service("web", "redis-primary", "10.0.0.11", corev1.ServicePort{Port: 6379, Protocol: corev1.ProtocolTCP}),
		service("web", "dns", "fd00::1", corev1.ServicePort{Name: "dns-tcp", Port: 53}, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}),
		service("web", "headless", corev1.ClusterIPNone, corev1.ServicePort{Port: 1}),
		service("web", "unallocated", "", corev1.ServicePort{Port: 1}),
		service("other", "hidden", "10.0.0.12", corev1.ServicePort{Port: 1}),
		service("default", "also-hidden", "10.0.0.13", corev1.ServicePort{Port: 1}),
	}
	const want = `DNS_PORT=tcp://[fd00::1]:53
DNS_PORT_53_TCP=tcp://[fd00::1]:53
DNS_PORT_53_TCP_ADDR=fd00::1
DNS_PORT_53_TCP_PORT=53
DNS_PORT_53_TCP_PROTO=tcp
DNS_PORT_53_UDP=udp://[fd00::1]:53
DNS_PORT_53_UDP_ADDR=fd00::1
DNS_PORT_53_UDP_PORT=53
DNS_PORT_53_UDP_PROTO=udp
DNS_SERVICE_HOST=fd00::1
DNS_SERVICE_PORT=53
DNS_SERVICE_PORT_DNS=53
DNS_SERVICE_PORT_DNS_TCP=53
REDIS_PRIMARY_PORT=tcp://10.0.0.11:6379
REDIS_PRIMARY_PORT_6379_TCP=tcp://10.0.0.11:6379
REDIS_PRIMARY_PORT_6379_TCP_ADDR=10.0.0.11
REDIS_PRIMARY_PORT_6379_TCP_PORT=6379
REDIS_PRIMARY_PORT_6379_TCP_PROTO=tcp
REDIS_PRIMARY_SERVICE_HOST=10.0.0.11
REDIS_PRIMARY_SERVICE_PORT=6379
`
	if got := text(Of("web", services, true)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The API server is there for all, also without links; a Service of its name that stands in the
// namespace itself wins with them.
func TestTheAPIServer(t *testing.T) {
	services := []*corev1.Service{
		service("default", "kubernetes", "10.0.0.1", corev1.ServicePort{Name: "https", Port: 443}),
		service("web", "kubernetes", "10.0.0.2", corev1.ServicePort{Name: "https", Port: 443}),
		service("web", "shop", "10.0.0.3", corev1.ServicePort{Port: 80}),
	}
	for _, x := range []struct {
		namespace string
		links     bool
		want      string
	}{
		{"web", true, "KUBERNETES_SERVICE_HOST=10.0.0.2\n"},
		{"web", false, "KUBERNETES_SERVICE_HOST=10.0.0.1\n"},
		{"other", true, "KUBERNETES_SERVICE_HOST=10.0.0.1\n"},
	} {
		got := text(Of(x.namespace, services, x.links))
		if !strings.Contains(got, x.want) || strings.Contains(got, "SHOP") != (x.links && x.namespace == "web") {
			t.Errorf("%s, links %v:\n%s", x.namespace, x.links, got)
		}
	}
	if got := text(Of("web", []*corev1.Service{services[1], services[0]}, true)); !strings.Contains(got, "KUBERNETES_SERVICE_HOST=10.0.0.2\n") {
		t.Errorf("in the other order:\n%s", got)
	}
}
