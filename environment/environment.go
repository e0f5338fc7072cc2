package environment

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Variable is one variable of a process's environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// master is the Service of the API server. Every Pod has its variables, whatever its namespace.
const master = "kubernetes"

// Of gives the variables that Pods of a namespace get, sorted by name, as
// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/kubelet/envvars/envvars.go makes them.
// Without links (spec.enableServiceLinks: false) there are only those of the API server. A Service
// without a cluster IP has none.
func Of(namespace string, services []*corev1.Service, links bool) []Variable {
	seen := map[string]*corev1.Service{}
	for _, s := range services {
		if !HasAddress(s) {
			continue
		}
		isMaster := s.Namespace == metav1.NamespaceDefault && s.Name == master
		switch {
		case isMaster && seen[s.Name] == nil, !isMaster && s.Namespace == namespace && links:
			seen[s.Name] = s
		}
	}
	values := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		addService(values, seen[name])
	}
	all := make([]Variable, 0, len(values))
	for name, value := range values {
		all = append(all, Variable{name, value})
	}
	slices.SortFunc(all, func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// HasAddress says whether a Service has a cluster IP.
func HasAddress(s *corev1.Service) bool {
	return s.Spec.ClusterIP != "" && s.Spec.ClusterIP != corev1.ClusterIPNone
}

// addService adds the variables of one Service, in the form of Kubernetes and in that of Docker's
// links.
func addService(values map[string]string, s *corev1.Service) {
	prefix, ip := upper(s.Name), s.Spec.ClusterIP
	values[prefix+"_SERVICE_HOST"] = ip
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		number, protocol := strconv.Itoa(int(p.Port)), string(cmp.Or(p.Protocol, corev1.ProtocolTCP))
		url := strings.ToLower(protocol) + "://" + net.JoinHostPort(ip, number)
		if i == 0 {
			values[prefix+"_SERVICE_PORT"] = number
			values[prefix+"_PORT"] = url
		}
		if p.Name != "" {
			values[prefix+"_SERVICE_PORT_"+upper(p.Name)] = number
		}
		link := fmt.Sprintf("%s_PORT_%s_%s", prefix, number, strings.ToUpper(protocol))
		values[link] = url
		values[link+"_PROTO"] = strings.ToLower(protocol)
		values[link+"_PORT"] = number
		values[link+"_ADDR"] = ip
	}
}

// upper writes the name of a Service or port as part of the name of a variable.
func upper(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
