package admission

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/gateway-cp/gateway-cp/api"
)

// What is not an object of a kind that is read is refused, without a panic.
func TestAdmitUnknown(t *testing.T) {
	for _, value := range []api.Value{nil, (*corev1.Service)(nil), &appsv1.Deployment{}} {
		problems := Admit(value)
		if len(problems) != 1 || problems[0].Reason != api.ReasonUnknownKind || !HasError(problems) {
			t.Errorf("%T: got %v", value, problems)
		}
	}
}

// Admission of what was just made by New must not panic on its missing fields.
func TestAdmitEmpty(t *testing.T) {
	for _, info := range api.Kinds() {
		problems := Admit(info.New())
		if !HasError(problems) {
			t.Errorf("%s without a name is admitted: %v", info.Kind, problems)
		}
		for _, p := range problems {
			if p.Object.Kind != info.Kind {
				t.Errorf("%s: a problem of %v", info.Kind, p.Object)
			}
		}
	}
}

// A large EndpointSlice that is valid costs no allocation per endpoint: slices change often.
func TestEndpointSliceAllocations(t *testing.T) {
	cost := func(n int) float64 {
		slice := endpointSlice(n)
		return testing.AllocsPerRun(20, func() {
			if problems := Admit(slice); len(problems) > 0 {
				t.Fatal(problems)
			}
		})
	}
	if small, large := cost(1), cost(1000); large > small+10 {
		t.Errorf("%v allocations for 1 endpoint, %v for 1000", small, large)
	}
}

func endpointSlice(n int) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4}
	slice.Name = "web-1"
	slice.Endpoints = make([]discoveryv1.Endpoint, n)
	for i := range slice.Endpoints {
		slice.Endpoints[i].Addresses = []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}
	}
	return slice
}
