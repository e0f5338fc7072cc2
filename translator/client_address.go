package translator

import (
	"fmt"
	"strconv"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	originalv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/original_src/v3"
	proxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	sendproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/proxy_protocol/v3"
	rawv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// How the address of a client comes to an Envoy that has a proxy in front, and from there to endpoints: in a
// header of the PROXY protocol, in X-Forwarded-For, or as the address that connections come from.
// https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt

// acceptProxy reads the PROXY protocol at the beginning of connections, where annotations ask for it.
func (e *encoder) acceptProxy(l *listenerv3.Listener, annotations map[string]string) {
	accept := annotations[v1alpha1.AcceptProxyAnnotation]
	if accept == "" {
		return
	}
	l.ListenerFilters = append(l.ListenerFilters, &listenerv3.ListenerFilter{
		Name: "envoy.filters.listener.proxy_protocol",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: e.any(&proxyv3.ProxyProtocol{
			AllowRequestsWithoutProxyProtocol: accept == v1alpha1.AcceptProxyOptional,
		})},
	})
}

// keepSource has connections to endpoints come from the address of the client.
func (e *encoder) keepSource(l *listenerv3.Listener) {
	l.ListenerFilters = append(l.ListenerFilters, &listenerv3.ListenerFilter{
		Name: "envoy.filters.listener.original_src",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{
			TypedConfig: e.any(&originalv3.OriginalSrc{Mark: v1alpha1.OriginalSourceMark}),
		},
	})
}

// keepsSource says whether connections to endpoints of a Service do, through an opening that leads to local
// endpoints or not.
func keepsSource(f fleet, service *corev1.Service, local bool) bool {
	switch service.Annotations[v1alpha1.OriginalSourceAnnotation] {
	case "true":
		local = true
	case "false":
		local = false
	}
	return local && f.Spec.ClientAddress.OriginalSource
}

// sendProxy has connections of a cluster begin with a header of the PROXY protocol, where the Service asks for it. It
// comes after all that sets the transport sockets of the cluster.
func (e *encoder) sendProxy(c *clusterv3.Cluster, service *corev1.Service) {
	version := corev3.ProxyProtocolConfig_V1
	switch service.Annotations[v1alpha1.SendProxyAnnotation] {
	case v1alpha1.SendProxyV1:
	case v1alpha1.SendProxyV2:
		version = corev3.ProxyProtocolConfig_V2
	default:
		return
	}
	c.TransportSocket = e.withProxy(c.TransportSocket, version)
	for _, m := range c.TransportSocketMatches { // health checks
		m.TransportSocket = e.withProxy(m.TransportSocket, version)
	}
}

// withProxy is a transport socket that begins with the header; nil stands for plain text.
func (e *encoder) withProxy(inner *corev3.TransportSocket, version corev3.ProxyProtocolConfig_Version) *corev3.TransportSocket {
	if inner == nil {
		inner = &corev3.TransportSocket{
			Name:       "envoy.transport_sockets.raw_buffer",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.any(&rawv3.RawBuffer{})},
		}
	}
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.upstream_proxy_protocol",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: e.any(&sendproxyv3.ProxyProtocolUpstreamTransport{
			Config:          &corev3.ProxyProtocolConfig{Version: version},
			TransportSocket: inner,
		})},
	}
}

// trustedHops is how many proxies in front of the Envoys of a fleet are trusted, for a Gateway or Service with
// these annotations.
func trustedHops(f fleet, annotations map[string]string) uint32 {
	if text, given := annotations[v1alpha1.TrustedHopsAnnotation]; given {
		n, _ := strconv.ParseUint(text, 10, 31) // admission refuses others
		return uint32(n)
	}
	return uint32(f.Spec.ClientAddress.TrustedHops)
}

// originalSourceProblems says that the Fleets of a Service do not allow for what it asks for.
func originalSourceProblems(r *Reader, service *corev1.Service) []api.Problem {
	if service.Annotations[v1alpha1.OriginalSourceAnnotation] != "true" {
		return nil
	}
	for _, f := range fleetsServing(r, service) {
		if f.Spec.ClientAddress.OriginalSource {
			return nil
		}
	}
	return []api.Problem{{
		Object: api.Key{Kind: api.KindService, Namespace: service.Namespace, Name: service.Name},
		Path:   "metadata.annotations[" + v1alpha1.OriginalSourceAnnotation + "]",
		Reason: api.ReasonUnsupportedField, Severity: api.Warning,
		Message: "it has no effect: no Fleet that serves the Service has machines for it",
		Hint:    "say clientAddress: {originalSource: true} in the spec of the Fleet, and gateway-cp node install on its machines",
	}}
}

// overruled says what a Gateway asks of the clients of a listener that the oldest Gateway on its address and port
// does not ask: that one decides for all. all are the listeners with the port.
func overruled(all []*gatewayListener, l *gatewayListener) []api.Problem {
	var problems []api.Problem
	for _, name := range []string{v1alpha1.AcceptProxyAnnotation, v1alpha1.TrustedHopsAnnotation} {
		if name == v1alpha1.TrustedHopsAnnotation && l.secure {
			continue // each has a filter chain of its own
		}
		for _, a := range l.addresses {
			first := served(all, a)[0]
			if first.gateway.Annotations[name] == l.gateway.Annotations[name] {
				continue
			}
			path := "metadata.annotations[" + name + "]"
			problems = append(problems, api.Problem{
				Object: l.key(), Path: path, Reason: api.ReasonListenerConflict, Severity: api.Error,
				Message: fmt.Sprintf("Gateway %s/%s is older, and decides for %s: there %s is %q, not %q",
					first.gateway.Namespace, first.gateway.Name, listenerName(a, l.spec().Port), name, first.gateway.Annotations[name], l.gateway.Annotations[name]),
				Hint:  "give both Gateways the same value, or one of them another port or address",
				Other: api.Other{Object: first.key(), Path: path},
			})
			break
		}
	}
	return problems
}
