package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Services of the same name in other namespaces come, change their route and go. Nobody notices
// who asks for one of that name, in whatever form: those that Envoy finds at once, and those that
// it looks up again.
func TestNamesakesComeAndGo(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	bare, shop, blue, green := e.Backend("bare"), e.Backend("shop"), e.Backend("blue"), e.Backend("green")
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("web.yaml", harness.Service("web", 80)+bare.Workload("web")+
		inNamespace("shop", harness.Service("web", 80)+shop.Workload("web")))
	e.Run()
	stream := func(host string, http2 bool) harness.Stream {
		return harness.Stream{Name: host, URL: "http://" + e.Address(port) + "/", Host: host, HTTP2: http2, Rate: 100}
	}
	versions := map[string]string{}
	var streams []harness.Stream
	for i, host := range []string{"web", "web:80", "WEB.default.svc", "web.shop", "web.shop:80", "web.SHOP.svc.cluster.local"} {
		s := stream(host, i%2 == 1)
		if versions[host] = "bare"; strings.Contains(strings.ToLower(host), "shop") {
			versions[host] = "shop"
		}
		e.Await(host, 20*time.Second, s.Answers(versions[host]))
		streams = append(streams, s)
	}
	load := e.Load(streams...)
	const stay = 5 // namesakes at a time
	n := counts(80)
	for i := range n + stay {
		if i < n {
			namespace := fmt.Sprintf("n-%d", i)
			service := inNamespace(namespace, harness.Service("web", 80)+blue.Workload("web")+green.Workload("web"))
			for _, to := range []string{"blue", "green"} {
				e.Write(namespace+".yaml", service+inNamespace(namespace, allTo(to)))
				e.Await(namespace, 10*time.Second, stream("web."+namespace, false).Answers(to))
			}
		}
		if i >= stay {
			namespace := fmt.Sprintf("n-%d", i-stay)
			e.Remove(namespace + ".yaml")
			awaitCode(e, stream("web."+namespace+".svc", false), 404)
		}
	}
	samples := load.Stop()
	if failed := samples.Failed(); len(failed) > 0 {
		t.Error(samples.Failures())
	}
	for host, version := range versions {
		if got := samples.Of(host).Versions(); len(got) != 1 || got[version] == 0 {
			t.Errorf("%s is answered by %v, want %s alone", host, got, version)
		}
	}
}

// allTo is a Rollout of the Service web that sends all traffic to a version.
func allTo(version string) string {
	return `apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {` + version + `: 100}
---
`
}

// inNamespace puts manifests of the harness into a namespace.
func inNamespace(namespace, manifests string) string {
	return strings.ReplaceAll(manifests, "metadata: {name:", "metadata: {namespace: "+namespace+", name:")
}
