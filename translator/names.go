package translator

import (
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Every name that Envoy sees is made here. They are readable and stable: a changed name is a
// new resource to Envoy, and to the people who read its statistics.

// clusterName names the cluster of a Service port, which is also the name that its endpoints
// are fetched by: "shop/web/80", and for a version of a Rollout "shop/web/80/green~1a2b3c4d".
func clusterName(namespace, service string, port int32, versionID string) string {
	name := hostName(namespace, service, port)
	if versionID != "" {
		name += "/" + versionID
	}
	return name
}

// rescuedName names the cluster that sends first attempts to a canary and the others to the stable
// version: "shop/web/80/green~1a2b3c4d/rescued-by/blue~5e6f7a8b".
func rescuedName(namespace, service string, port int32, canaryID, stableID string) string {
	return clusterName(namespace, service, port, canaryID) + "/rescued-by/" + stableID
}

// streamClusterName names the cluster that bytes or datagrams for a Service port are passed on to, with
// all versions of it: "shop/db/5432-tcp", "kube-system/dns/53-udp"; "shop/db/5432-tcp-local" for the endpoints
// on the node of an Envoy.
func streamClusterName(namespace, service string, port *corev1.ServicePort, local bool) string {
	name := hostName(namespace, service, port.Port) + "-" + strings.ToLower(string(port.Protocol))
	if local {
		name += "-local"
	}
	return name
}

// hostnameClusterName names the cluster in which endpoints of a headless Service are found by their hostnames:
// "shop/db/5432-by-hostname".
func hostnameClusterName(namespace, service string, port int32) string {
	return hostName(namespace, service, port) + "-by-hostname"
}

// hostPart names the part that holds the virtual hosts of a Service: "shop/web".
func hostPart(namespace, service string) string { return namespace + "/" + service }

// hostName names the virtual host of a Service port: "shop/web/80".
func hostName(namespace, service string, port int32) string {
	return namespace + "/" + service + "/" + portString(port)
}

// listenerName names a listener after its address and port: "0.0.0.0:80", "[::]:80". The
// route configuration of the plain HTTP on it has the same name.
func listenerName(address string, port int32) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Is6() {
		return "[" + a.String() + "]:" + portString(port)
	}
	return address + ":" + portString(port)
}

// datagramListenerName names a listener for UDP: "0.0.0.0:53/udp".
func datagramListenerName(address string, port int32) string {
	return listenerName(address, port) + "/udp"
}

// interceptedListenerName names a listener without a socket: "10.96.0.1:80/intercepted". Envoy does not give a
// listener a socket, or take it away, while it has the same name.
func interceptedListenerName(address string, port int32) string {
	return listenerName(address, port) + "/intercepted"
}

// healthRouteName names the routes that tell the health of nodes for a Service: "shop/web/health".
func healthRouteName(namespace, service string) string { return namespace + "/" + service + "/health" }

// secureRouteName names the route configuration of one HTTPS listener of a Gateway.
func secureRouteName(namespace, gateway, listener string) string {
	return namespace + "/" + gateway + "/" + listener
}

// secretName names a certificate after the Secret that it comes from.
func secretName(namespace, secret string) string { return namespace + "/" + secret }

// scopeName names the routes of a Service after how the hosts begin that have them: "web.shop".
func scopeName(namespace, service string) string { return service + "." + namespace }

// proxylessListenerName is what a gRPC client dials: "web.shop:80", "web.shop.svc.cluster.local:80".
func proxylessListenerName(form string, port int32) string { return form + ":" + portString(port) }

// proxylessRouteName names the routes of a Service port for gRPC clients: "grpc/shop/web/80".
func proxylessRouteName(namespace, service string, port int32) string {
	return "grpc/" + hostName(namespace, service, port)
}

func portString(port int32) string { return strconv.Itoa(int(port)) }
