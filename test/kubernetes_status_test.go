package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/test/apiserver"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// said is what an object says of itself, whatever kind it is of.
type said struct {
	Metadata struct {
		Generation      int64
		ResourceVersion string
	}
	Status struct {
		Conditions []metav1.Condition
		Addresses  []struct{ Value string }
		Listeners  []struct {
			Name           string
			AttachedRoutes int
			Conditions     []metav1.Condition
		}
		Parents []struct {
			ControllerName string
			Conditions     []metav1.Condition
		}
		LoadBalancer struct{ Ingress []struct{ IP string } }
		Phase        string
	}
	InvolvedObject struct{ Kind, Name string }
	Reason         string
	Count          int
}

// statusBed is a world in which status is written.
type statusBed struct {
	*harness.Env
	server *apiserver.Server
}

func (b *statusBed) get(apiVersion, kind, name string) (o said) {
	b.Helper()
	namespace := "default"
	if kind == "GatewayClass" {
		namespace = ""
	}
	object, err := b.server.Get(apiVersion, kind, namespace, name)
	if err != nil {
		b.Fatalf("%v", err)
	}
	data, err := json.Marshal(object.Object)
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		b.Fatalf("%v", err)
	}
	return o
}

// await waits until an object says what is asked of it.
func (b *statusBed) await(what, apiVersion, kind, name string, holds func(said) bool) {
	b.Helper()
	b.Await(what, 20*time.Second, func() error {
		if o := b.get(apiVersion, kind, name); !holds(o) {
			return fmt.Errorf("%s %s says %+v", kind, name, o.Status)
		}
		return nil
	})
}

// is says whether a condition has a status for the generation that the object has.
func (o said) is(conditions []metav1.Condition, typ string, status metav1.ConditionStatus) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
		return c.Type == typ && c.Status == status && c.ObservedGeneration == o.Metadata.Generation && !c.LastTransitionTime.IsZero()
	})
}

const gatewayAPI = "gateway.networking.k8s.io/v1"

// checkStatus looks at what is written into the status of objects, and into Events.
func checkStatus(t *testing.T, e *harness.Env, s *apiserver.Server, fleet string) {
	b := &statusBed{e, s}
	b.await("an accepted class", gatewayAPI, "GatewayClass", "gateway-cp", func(o said) bool {
		return o.is(o.Status.Conditions, "Accepted", "True")
	})
	b.await("a programmed Gateway", gatewayAPI, "Gateway", "gw", func(o said) bool {
		return o.is(o.Status.Conditions, "Accepted", "True") && o.is(o.Status.Conditions, "Programmed", "True") &&
			len(o.Status.Listeners) == 1 && o.Status.Listeners[0].AttachedRoutes == 1 && o.is(o.Status.Listeners[0].Conditions, "Programmed", "True")
	})
	ours := func(o said, status metav1.ConditionStatus) bool {
		return slices.ContainsFunc(o.Status.Parents, func(p struct {
			ControllerName string
			Conditions     []metav1.Condition
		}) bool {
			return p.ControllerName == "gateway-cp.io/gateway-controller" && o.is(p.Conditions, "Accepted", "True") && o.is(p.Conditions, "ResolvedRefs", status)
		})
	}
	route := func(host, service string) string {
		return strings.Replace(harness.Route("web", host, 80), "name: web, port", "name: "+service+", port", 1)
	}
	b.await("a route with what it refers to", gatewayAPI, "HTTPRoute", "web", func(o said) bool { return ours(o, "True") })

	// Endpoints are no news, and nothing is written that stands.
	gw, r := b.get(gatewayAPI, "Gateway", "gw"), b.get(gatewayAPI, "HTTPRoute", "web")
	added := e.Backend("web")
	s.Apply(endpointSlice("web", added))
	s.Apply(strings.Replace(fleet, "  drainTime", fmt.Sprintf("  loadBalancer: {addresses: [%q]}\n  drainTime", networkAddress), 1) +
		strings.Replace(harness.Service("web", 80), "spec: {", "spec: {type: LoadBalancer, ", 1))
	b.await("an address of a load balancer", "v1", "Service", "web", func(o said) bool {
		return len(o.Status.LoadBalancer.Ingress) == 1 && o.Status.LoadBalancer.Ingress[0].IP == networkAddress.String()
	})
	s.Apply(harness.Service("web", 80))
	b.await("no address of a load balancer", "v1", "Service", "web", func(o said) bool { return len(o.Status.LoadBalancer.Ingress) == 0 })
	if again := b.get(gatewayAPI, "Gateway", "gw"); again.Metadata != gw.Metadata {
		t.Errorf("the Gateway was written: %+v, before %+v", again, gw)
	}
	if again := b.get(gatewayAPI, "HTTPRoute", "web"); again.Metadata != r.Metadata {
		t.Errorf("the route was written: %+v, before %+v", again, r)
	}

	// What is wrong is said in the status, and in an Event; twice is counted. Others' words stay.
	s.Apply(strings.TrimSuffix(strings.TrimSpace(harness.Route("web", "shop.example.com", 80)), "---") + `
status:
  parents:
  - {parentRef: {name: another}, controllerName: example.com/another, conditions: [{type: Accepted, status: "True", reason: Accepted, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}]}
`)
	for n := 1; n <= 2; n++ {
		s.Apply(route("shop.example.com", "missing"))
		b.await("a route without its Service", gatewayAPI, "HTTPRoute", "web", func(o said) bool { return ours(o, "False") && len(o.Status.Parents) == 2 })
		b.Await(fmt.Sprintf("an Event that happened %d times", n), 20*time.Second, func() error { return b.event("HTTPRoute", "web", "BackendNotFound", n) })
		s.Apply(route("shop.example.com", "web"))
		b.await("a route with its Service", gatewayAPI, "HTTPRoute", "web", func(o said) bool { return ours(o, "True") && len(o.Status.Parents) == 2 })
	}

	s.Apply(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: default}
spec:
  targetRef: {name: web}
  versions: [{name: one, selector: {version: one}}]
  traffic: {one: 100}
`)
	b.await("where a Rollout stands", "gateway-cp.io/v1alpha1", "Rollout", "web", func(o said) bool { return o.Status.Phase == "Stable" })
	s.Delete("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, namespace: default}\n")
}

// event looks for an Event about an object that was counted so often.
func (b *statusBed) event(kind, name, reason string, count int) error {
	all, err := b.server.List("v1", "Event", "default")
	if err != nil {
		return err
	}
	var seen []string
	for _, object := range all {
		var o said
		data, err := json.Marshal(object.Object)
		if err == nil {
			err = json.Unmarshal(data, &o)
		}
		if err != nil {
			return err
		}
		if o.InvolvedObject.Kind == kind && o.InvolvedObject.Name == name && o.Reason == reason && o.Count >= count {
			return nil
		}
		seen = append(seen, fmt.Sprint(o.InvolvedObject, o.Reason, o.Count))
	}
	return fmt.Errorf("there are %v", seen)
}
