package translator

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/resource"
)

// serviceCluster is the cluster of a Service port, or of a version of it. Its endpoints come
// and go without touching it: a changed cluster loses its connections and counts.
var serviceCluster = &Feature{Name: "cluster", Build: buildCluster}

func buildCluster(r *Reader, u Unit) Result {
	service, port := servedBy(r, u)
	if port == nil {
		return Result{}
	}
	version := unpackVersion(u.Extra)
	name := clusterName(u.Namespace, u.Name, u.Port, version.ID)
	e := &encoder{}
	c := edsCluster(name)
	f, ok := readFleet(r, u.Fleet)
	if !ok {
		return Result{}
	}
	policy, http2 := policyOf(r, service, port), speaksHTTP2(port.AppProtocol)
	e.balance(c, balancerOf(service, policy), port)
	e.applyPolicy(c, policy, http2)
	e.overTLS(c, tlsTo(r, f, service, port), http2)
	out := resource.Output{
		Sources: []api.Key{serviceKey(u)},
		Drain:   f.Spec.DrainTime.Duration,
	}
	key := resource.Key{Type: resource.Cluster, Audience: resource.OfFleet(u.Fleet), Name: name}
	if isExternal(service) {
		e.resolveOutside(c, f, service, port)
		e.sendProxy(c, service)
		return e.result(key, c, out).from(append(clusterOrigins(u, service, port, version), policyOrigin(r, service, port)...)...)
	}
	out.Fetches = []resource.Ref{{Type: resource.Endpoint, Name: name}}
	check, problems := checkOf(service, policy, selectedWorkloads(r, service, version), http2)
	if check != nil {
		e.checkHealth(c, check, http2)
		out.HealthChecked = true
	}
	e.sendProxy(c, service)
	if version.isTwin() {
		problems = nil
	}
	return e.result(key, c, out, problems...).from(append(clusterOrigins(u, service, port, version), policyOrigin(r, service, port)...)...)
}

// edsCluster is what all clusters of Services have in common.
func edsCluster(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: overADS()},
		LbPolicy:             clusterv3.Cluster_ROUND_ROBIN,
		CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{
			// What may serve is decided here and by health checks. In a panic Envoy would send
			// requests to endpoints that drain or have failed.
			HealthyPanicThreshold: &typev3.Percent{Value: 0},
			// An endpoint that has passed its check takes traffic at once.
			UpdateMergeWindow: seconds(0),
		},
		// A removed endpoint is gone, even while its check still passes.
		IgnoreHealthOnHostRemoval:     true,
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(bufferLimit),
	}
}

// clusterOrigins are the port of the Service and, for a version, the Rollout that has it.
func clusterOrigins(u Unit, service *corev1.Service, port *corev1.ServicePort, version versionKey) []Origin {
	origins := []Origin{{serviceKey(u), portPath(service, port)}}
	if version.ID != "" {
		origins = append(origins, Origin{api.Key{Kind: api.KindRollout, Namespace: u.Namespace, Name: version.Rollout}, "spec.versions"})
	}
	return origins
}

// speaksHTTP2 reads a port's appProtocol:
// https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol
func speaksHTTP2(appProtocol *string) bool {
	if appProtocol == nil {
		return false
	}
	switch *appProtocol {
	case "kubernetes.io/h2c", "h2c", "http2", "grpc":
		return true
	}
	return false
}

func speaksTLS(appProtocol string) bool {
	switch appProtocol {
	case "https", "kubernetes.io/wss":
		return true
	}
	return false
}
