package admission

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gateway-cp/gateway-cp/api"
)

// defaultProbe sets what the API server sets.
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	for field, value := range map[*int32]int32{
		&p.TimeoutSeconds: 1, &p.PeriodSeconds: 10, &p.SuccessThreshold: 1, &p.FailureThreshold: 3,
	} {
		if *field == 0 {
			*field = value
		}
	}
	if h := p.HTTPGet; h != nil {
		if h.Path == "" {
			h.Path = "/"
		}
		if h.Scheme == "" {
			h.Scheme = corev1.URISchemeHTTP
		}
	}
	if p.GRPC != nil && p.GRPC.Service == nil {
		p.GRPC.Service = new(string)
	}
}

// probe checks that there is exactly one handler and that numbers are in range. named says
// whether a port name is known.
func (r *report) probe(at *field.Path, p *corev1.Probe, named func(string) bool) {
	if p == nil {
		return
	}
	handlers := 0
	if p.Exec != nil {
		handlers++
	}
	if h := p.HTTPGet; h != nil {
		handlers++
		r.httpGet(at.Child("httpGet"), h, named)
	}
	if p.TCPSocket != nil {
		handlers++
		r.probePort(at.Child("tcpSocket", "port"), p.TCPSocket.Port, named)
	}
	if p.GRPC != nil {
		handlers++
		r.port(at.Child("grpc", "port"), p.GRPC.Port)
	}
	if handlers != 1 {
		r.fail(at, api.ReasonInvalidField, "use one of httpGet, tcpSocket and grpc", "must have exactly one handler, not %d", handlers)
	}
	for _, n := range []struct {
		name  string
		value int32
		least int32
	}{
		{"initialDelaySeconds", p.InitialDelaySeconds, 0},
		{"timeoutSeconds", p.TimeoutSeconds, 1},
		{"periodSeconds", p.PeriodSeconds, 1},
		{"successThreshold", p.SuccessThreshold, 1},
		{"failureThreshold", p.FailureThreshold, 1},
	} {
		if n.value < n.least {
			r.fail(at.Child(n.name), api.ReasonInvalidField, "use a larger number", "%d is less than %d", n.value, n.least)
		}
	}
}

func (r *report) httpGet(at *field.Path, h *corev1.HTTPGetAction, named func(string) bool) {
	r.probePort(at.Child("port"), h.Port, named)
	if h.Scheme != corev1.URISchemeHTTP && h.Scheme != corev1.URISchemeHTTPS {
		r.fail(at.Child("scheme"), api.ReasonInvalidField, "use HTTP or HTTPS, in capitals", "%q is not a scheme", h.Scheme)
	}
	for i, header := range h.HTTPHeaders {
		r.headerName(at.Child("httpHeaders").Index(i).Child("name"), header.Name)
		r.headerValue(at.Child("httpHeaders").Index(i).Child("value"), header.Value)
	}
}

// probePort checks a port by number or by a name that is known.
func (r *report) probePort(at *field.Path, p intstr.IntOrString, named func(string) bool) {
	if p.Type == intstr.String {
		if !named(p.StrVal) {
			r.fail(at, api.ReasonPortNotFound, "use a number, or the name of a port in the same object", "there is no port named %q", p.StrVal)
		}
		return
	}
	r.port(at, p.IntVal)
}
