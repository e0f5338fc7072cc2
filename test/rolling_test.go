package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Rolling updates replace every endpoint at 1,000 requests a second: each terminates first, and its process stops when
// Envoy has let go of it. Once all terminate at the same time and nothing else is ready, so that they serve until
// there is something new (KEP-1669). Nobody notices.
func TestRollingReplacement(t *testing.T) {
	t.Parallel()
	for name, manifests := range map[string]func([]member) string{"EndpointSlices": slicesOf, "Pods": podsOf} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rollingReplacement(t, manifests)
		})
	}
}

// member is an endpoint as Kubernetes would tell of it.
type member struct {
	*harness.Backend
	terminating bool
}

func rollingReplacement(t *testing.T, manifests func([]member) string) {
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("service.yaml", harness.Service("web", 80))
	var members []member
	tell := func() { e.Write("endpoints.yaml", manifests(members)) }
	for _, b := range e.Backends("web", 3) {
		members = append(members, member{Backend: b})
	}
	tell()
	c := e.Run()
	url := "http://" + e.Address(port) + "/"
	streams := []harness.Stream{
		{Name: "HTTP/1.1", URL: url, Host: "web", Rate: 500},
		{Name: "HTTP/2", URL: url, Host: "web.default", HTTP2: true, Rate: 500},
		{Name: "slow", URL: url + "?delay=500ms", Host: "web", Rate: 20},
	}
	e.Await("web answers", 20*time.Second, streams[0].Answers("web"))
	load := e.Load(streams...)
	var before []member
	for range counts(150) {
		fresh := member{Backend: e.Backend("web")}
		members = append(members, fresh)
		tell()
		c.Envoy.AwaitHealthy("default/web/80", fresh.Address.String(), 10*time.Second)
		members[0].terminating = true
		tell()
		awaitDraining(e, c, members[0].Address.String())
		before, members = append(before, members[0]), members[1:]
		tell()
	}
	for i := range members { // nothing is ready
		members[i].terminating = true
	}
	c.Apply(10*time.Second, func() { // by itself it is no change: they serve on
		tell()
		e.Write("another.yaml", harness.Service("another", 80))
	})
	allTerminate := time.Now()
	e.Await("all serve while all terminate", 5*time.Second, func() error {
		if n := len(load.Samples().Without("slow").Within(allTerminate, time.Now()).Endpoints()); n < len(members) {
			return fmt.Errorf("%d of %d do", n, len(members))
		}
		return nil
	})
	fresh := member{Backend: e.Backend("web")}
	before, members = append(before, members...), append(members, fresh)
	tell()
	awaitDraining(e, c, members[0].Address.String())
	members = members[3:]
	tell()
	c.Envoy.AwaitHosts("default/web/80", 10*time.Second, fresh.Address.String())
	for _, b := range before {
		b.Retire(20 * time.Second)
	}
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	if n := len(samples.Endpoints()); n != len(before)+1 {
		t.Errorf("%d of %d endpoints have answered", n, len(before)+1)
	}
	t.Logf("%d requests, %.0f a second, %d endpoints replaced, p99 %s", len(samples), samples.Rate(), len(before),
		samples.Without("slow").Quantile(0.99))
}

// What load balancers call connection draining: a connection that is open stays with its endpoint when that terminates and
// is taken away, for as long as its process lives. When the port goes, it has Envoy's drain time to end.
func TestConnectionsDrain(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	e.Write("fleet.yaml", nodePortFleet(e, "30000-30009"))
	e.Write("service.yaml", `apiVersion: v1
kind: Service
metadata: {name: db}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, targetPort: tcp, nodePort: 30001}]}
`)
	old, fresh := newSpeaker(e, "old"), newSpeaker(e, "fresh")
	e.Write("old.yaml", old.workload("db"))
	const drainTime = 2 * time.Second
	c := e.Run("--envoy-drain-time", drainTime.String())
	address := e.Address(30001)
	e.Await("db answers", 20*time.Second, answeredBy(address, "old"))
	var open []*line
	for range 20 {
		l, err := call(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		open = append(open, l)
	}
	all := func(when string) {
		t.Helper()
		for i, l := range open {
			if err := l.say(when); err != nil {
				t.Fatalf("connection %d, %s: %v", i, when, err)
			}
		}
	}
	e.Write("fresh.yaml", fresh.workload("db"))
	c.Apply(10*time.Second, func() {
		e.Write("old.yaml", strings.Replace(old.workload("db"), "spec: {", "spec: {draining: true, ", 1))
	})
	e.Await("new connections go to the new endpoint", 10*time.Second, answeredBy(address, "fresh"))
	all("the endpoint drains")
	c.Apply(10*time.Second, func() { e.Remove("old.yaml") })
	for range 2 { // longer than any drain time
		if e.Pause(drainTime/2+time.Second/4) != nil {
			t.FailNow()
		}
		all("the endpoint is gone")
	}
	gone := time.Now()
	c.Apply(10*time.Second, func() { e.Remove("service.yaml") })
	all("the port is gone")
	if l, err := call(address); err == nil {
		t.Errorf("%s answers at a port that is gone", l.from)
	}
	for i, l := range open {
		_ = l.SetDeadline(gone.Add(drainTime + 10*time.Second))
		if _, err := l.reader.ReadByte(); err == nil || time.Now().After(gone.Add(drainTime+10*time.Second)) {
			t.Errorf("connection %d outlives the drain time: %v", i, err)
		}
	}
	if took := time.Since(gone); took < drainTime-time.Second {
		t.Errorf("connections were cut after %s, before the drain time", took)
	}
}

// awaitDraining waits until Envoy sends nothing new to an endpoint.
func awaitDraining(e *harness.Env, c *harness.ControlPlane, address string) {
	e.Helper()
	e.Await(address+" drains", 10*time.Second, func() error {
		clusters, err := c.Envoy.Clusters("default/web/80")
		if err != nil {
			return err
		}
		for name, hosts := range clusters {
			for _, h := range hosts {
				if h.Address == address && h.Healthy {
					return fmt.Errorf("it takes requests in %s", name)
				}
			}
		}
		return nil
	})
}

// slicesOf tells of endpoints in an EndpointSlice.
func slicesOf(members []member) string {
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: %d}]
endpoints:
`, members[0].Address.Port())
	for _, m := range members {
		fmt.Fprintf(&b, "- {addresses: [%s], conditions: {ready: %t, serving: true, terminating: %t}}\n", m.Address.Addr(), !m.terminating, m.terminating)
	}
	return b.String()
}

// podsOf tells of endpoints as Pods, which terminate from when they are deleted.
func podsOf(members []member) string {
	var b strings.Builder
	for _, m := range members {
		deleted := ""
		if m.terminating {
			deleted = `, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 30`
		}
		fmt.Fprintf(&b, `apiVersion: v1
kind: Pod
metadata: {name: web-%s, labels: {app: web}%s}
spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: %d}]}]}
status: {phase: Running, podIP: %s, conditions: [{type: Ready, status: "True"}]}
---
`, strings.ReplaceAll(m.Address.Addr().String(), ".", "-"), deleted, m.Address.Port(), m.Address.Addr())
	}
	return b.String()
}
