package translator

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/structpb"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/behind"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Envoy takes the kubelet's place for Workloads: it checks them as their readiness probe says.
// Whether a Pod is ready the kubelet knows already. A cluster has one way to check; only the
// port is each endpoint's own.

// probeOf gives the probe that the endpoints of a cluster are checked with: the first that a
// Workload has; nil when none has one, or the Service disregards readiness. Workloads whose own probe is
// another one are told.
func probeOf(service *corev1.Service, workloads []*api.Object, http2 bool) (*corev1.Probe, []api.Problem) {
	var chosen *corev1.Probe
	var from api.Key
	var problems []api.Problem
	if service.Spec.PublishNotReadyAddresses {
		return nil, nil
	}
	for _, o := range workloads {
		p := o.Value.(*v1alpha1.Workload).Spec.ReadinessProbe
		if p == nil {
			continue
		}
		problem := api.Problem{Object: o.Key, Path: "spec.readinessProbe", Severity: api.Warning}
		switch {
		case p.HTTPGet == nil && p.TCPSocket == nil && p.GRPC == nil:
			problem.Reason = api.ReasonProbeUnsupported
			problem.Message = "Envoy cannot run this probe; the addresses are taken to be ready"
			problem.Hint = "use httpGet, tcpSocket or grpc"
		case p.GRPC != nil && !http2:
			problem.Reason = api.ReasonProbeUnsupported
			problem.Message = "a gRPC probe needs a Service port that speaks HTTP/2; the addresses are taken to be ready"
			problem.Hint = "set the Service port's appProtocol to kubernetes.io/h2c"
		case chosen == nil:
			chosen, from = p, o.Key
			continue
		case sameCheck(chosen, p):
			continue
		default:
			problem.Reason = api.ReasonProbesDiffer
			problem.Message = fmt.Sprintf("differs from the probe of %s, which is used for both since the same Service selects both", from)
			problem.Hint = "give all Workloads of a Service the same probe; ports may differ"
		}
		problems = append(problems, problem)
	}
	return chosen, problems
}

// sameCheck compares two probes but for what is each endpoint's own, and what is not used.
func sameCheck(a, b *corev1.Probe) bool {
	return reflect.DeepEqual(commonCheck(a), commonCheck(b))
}

func commonCheck(p *corev1.Probe) *corev1.Probe {
	c := p.DeepCopy()
	c.InitialDelaySeconds, c.TerminationGracePeriodSeconds = 0, nil
	switch {
	case c.HTTPGet != nil:
		c.HTTPGet.Port = intstr.IntOrString{}
	case c.TCPSocket != nil:
		c.TCPSocket.Port = intstr.IntOrString{}
	case c.GRPC != nil:
		c.GRPC.Port = 0
	}
	return c
}

// probePort is the port on which a Workload is checked; 0 when it has no probe.
func probePort(w *v1alpha1.Workload) uint32 {
	var port intstr.IntOrString
	switch p := w.Spec.ReadinessProbe; {
	case p == nil:
		return 0
	case p.HTTPGet != nil:
		port = p.HTTPGet.Port
	case p.TCPSocket != nil:
		port = p.TCPSocket.Port
	case p.GRPC != nil:
		port = intstr.FromInt32(p.GRPC.Port)
	}
	number, _ := behind.WorkloadPort(w, port)
	return uint32(number)
}

// checkByProbe makes a cluster check its endpoints as a probe says.
func (e *encoder) checkByProbe(c *clusterv3.Cluster, p *corev1.Probe) {
	check := newCheck(time.Duration(p.PeriodSeconds)*time.Second, time.Duration(p.TimeoutSeconds)*time.Second, p.SuccessThreshold, p.FailureThreshold)
	switch {
	case p.HTTPGet != nil:
		check.HealthChecker = &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: httpCheck(p.HTTPGet)}
		if p.HTTPGet.Scheme == corev1.URISchemeHTTPS {
			e.checkOverTLS(c, check)
		} else {
			e.checkInPlainText(c, check)
		}
	case p.TCPSocket != nil:
		check.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}
	case p.GRPC != nil:
		grpc := &corev3.HealthCheck_GrpcHealthCheck{}
		if p.GRPC.Service != nil {
			grpc.ServiceName = *p.GRPC.Service
		}
		check.HealthChecker = &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: grpc}
		e.checkInPlainText(c, check)
	}
	c.HealthChecks = []*corev3.HealthCheck{check}
}

// httpCheck is the request of a probe.
func httpCheck(get *corev1.HTTPGetAction) *corev3.HealthCheck_HttpHealthCheck {
	check := &corev3.HealthCheck_HttpHealthCheck{Path: get.Path, Host: hostHeader(get)}
	expect(check, nil)
	for _, h := range get.HTTPHeaders {
		if !strings.EqualFold(h.Name, "Host") {
			check.RequestHeadersToAdd = append(check.RequestHeadersToAdd, &corev3.HeaderValueOption{
				Header:       &corev3.HeaderValue{Key: h.Name, Value: h.Value},
				AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
			})
		}
	}
	return check
}

// hostHeader is the Host that a probe asks for; empty for the address that is checked.
func hostHeader(get *corev1.HTTPGetAction) string {
	for _, h := range get.HTTPHeaders {
		if strings.EqualFold(h.Name, "Host") {
			return h.Value
		}
	}
	return get.Host
}

// checkOverTLS uses TLS for the check alone, and, as the kubelet, takes any certificate.
func (e *encoder) checkOverTLS(c *clusterv3.Cluster, check *corev3.HealthCheck) {
	e.checkOver(c, check, "probe over TLS", "https", tlsSocket, &tlsv3.UpstreamTlsContext{})
}

// checkInPlainText uses no TLS for the check where requests do.
func (e *encoder) checkInPlainText(c *clusterv3.Cluster, check *corev3.HealthCheck) {
	if c.TransportSocket.GetName() == tlsSocket {
		e.checkOver(c, check, "probe in plain text", "http", "envoy.transport_sockets.raw_buffer", &rawv3.RawBuffer{})
	}
}

func (e *encoder) checkOver(c *clusterv3.Cluster, check *corev3.HealthCheck, name, scheme, socket string, config message) {
	criteria := &structpb.Struct{Fields: map[string]*structpb.Value{"probe": structpb.NewStringValue(scheme)}}
	check.TransportSocketMatchCriteria = criteria
	c.TransportSocketMatches = []*clusterv3.Cluster_TransportSocketMatch{{
		Name:  name,
		Match: criteria,
		TransportSocket: &corev3.TransportSocket{
			Name:       socket,
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.any(config)},
		},
	}}
}
