package translator

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// VersionClusters gives the names of the clusters that make up a version of a Service, one for
// each port: whoever watches over a version looks at these.
func VersionClusters(service *corev1.Service, versionID string) []string {
	var names []string
	for _, p := range servedPorts(service) {
		names = append(names, clusterName(service.Namespace, service.Name, p.Port, versionID))
	}
	return names
}

// MirrorClusters gives the names of the clusters that copies for a version of a Service go to, one for each port.
func MirrorClusters(service *corev1.Service, versionID string) []string {
	return VersionClusters(service, versionID+mirrorSuffix)
}

// RescueClusters gives the names of the clusters in which a stable version answers what a canary fails, one for each port.
func RescueClusters(service *corev1.Service, stableID string) []string {
	return VersionClusters(service, stableID+rescueSuffix)
}

// ServiceOf gives the namespace and name of the Service that a cluster belongs to.
func ServiceOf(cluster string) (namespace, name string) {
	namespace, rest, _ := strings.Cut(cluster, "/")
	name, _, _ = strings.Cut(rest, "/")
	return namespace, name
}
