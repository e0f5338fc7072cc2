package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/admission"
)

// crowd is a number of Services: each with a name of its own, or ten names in many namespaces,
// so that a scope has many owners.
type crowd struct {
	services int
	tenNames bool
}

// sizes are the numbers of Services.
var sizes = []int{100, 1000, 10000}

func crowds() (all []crowd) {
	for _, tenNames := range []bool{false, true} {
		for _, n := range sizes {
			all = append(all, crowd{n, tenNames})
		}
	}
	return all
}

func (c crowd) String() string {
	if c.tenNames {
		return fmt.Sprintf("10 names × %d", c.services/10)
	}
	return fmt.Sprintf("%d names", c.services)
}

// id names a Service; those of the same number are as long in every crowd, so that sizes of
// messages are the same.
func (c crowd) id(i int) (namespace, name string) {
	if c.tenNames {
		return fmt.Sprintf("ns-%05d", i/10), fmt.Sprintf("svc-%05d", i%10)
	}
	return "ns-00000", fmt.Sprintf("svc-%05d", i)
}

// cluster is the name of a Service's endpoint assignment.
func (c crowd) cluster(i int) string {
	namespace, name := c.id(i)
	return namespace + "/" + name + "/80"
}

// clusters are the names of all endpoint assignments.
func (c crowd) clusters() []string {
	names := make([]string, c.services)
	for i := range names {
		names[i] = c.cluster(i)
	}
	return names
}

func (c crowd) service(i int) *corev1.Service {
	namespace, name := c.id(i)
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
	}
	s.Spec.Selector = map[string]string{"app": name}
	s.Spec.Ports = []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}
	return s
}

// slice is the EndpointSlice of a Service: three endpoints, one of which differs with nth.
func (c crowd) slice(i, nth int) *discoveryv1.EndpointSlice {
	namespace, name := c.id(i)
	port := int32(8080)
	s := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Port: &port}},
	}
	for _, address := range []string{"10.0.0.1", "10.0.0.2", fmt.Sprintf("10.0.1.%d", 100+nth%100)} {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return s
}

// object admits a value as a source does.
func object(value api.Value) (*api.Object, error) {
	key, _ := api.KeyOf(value)
	if problems := admission.Admit(value); admission.HasError(problems) {
		return nil, fmt.Errorf("%s is not admitted: %v", key, problems)
	}
	return &api.Object{Key: key, Value: value}, nil
}
