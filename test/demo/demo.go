package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
	"github.com/gateway-cp/gateway-cp/test/module"
)

// Four streams make a load of 1,200 requests per second.
const ratePerStream = 300

// demo is the world of the demo.
type demo struct {
	*harness.Env
	stage *stage

	gateway, services int // ports
	rollout           string
	template          map[string]string // version → Workload
	backends          map[string][]*harness.Backend

	controlPlane *harness.ControlPlane
	load         *harness.Load
	phases       []phase
	flips        []flip
}

// open copies the example to free ports, starts everything, and the load.
func (d *demo) open() {
	d.gateway, d.services = d.FreePort(), d.FreePort()
	d.Write("fleet.yaml", d.Fleet(d.services))
	d.Write("gateway.yaml", replaceOnce(d.Env, d.example("gateway.yaml"), "port: 8080", fmt.Sprintf("port: %d", d.gateway)))
	service, rollout, ok := strings.Cut(d.example("shop.yaml"), "---\n")
	if !ok {
		d.Fatalf("shop.yaml does not hold a Service and a Rollout")
	}
	d.rollout = rollout
	d.Write("service.yaml", service)
	d.writeTraffic(100, 0)
	d.template, d.backends = map[string]string{}, map[string][]*harness.Backend{}
	for _, version := range []string{"blue", "green"} {
		documents := strings.Split(d.example(version+".yaml"), "---\n")
		d.template[version] = documents[0]
		for range documents {
			d.addEndpoint(version)
		}
	}
	d.stage.say("starting gateway-cp and Envoy: Gateway on %s, Services on %s", d.Address(d.gateway), d.Address(d.services))
	d.controlPlane = d.Run()
	streams := d.streams()
	for _, s := range streams {
		d.Await("blue answers", 10*time.Second, s.Answers("blue"))
	}
	d.load = d.Load(streams...)
	d.stage.say("load: %s requests a second, over HTTP/1.1 and HTTP/2, half to the Gateway, half to the Service's name",
		thousands(ratePerStream*len(streams)))
}

func (d *demo) streams() []harness.Stream {
	gateway, services := "http://"+d.Address(d.gateway)+"/", "http://"+d.Address(d.services)+"/"
	return []harness.Stream{
		{Name: "Gateway, HTTP/1.1", URL: gateway, Rate: ratePerStream},
		{Name: "Gateway, HTTP/2", URL: gateway, HTTP2: true, Rate: ratePerStream},
		{Name: "Service, HTTP/1.1", URL: services, Host: "shop", Rate: ratePerStream},
		{Name: "Service, HTTP/2", URL: services, Host: "shop.default.svc.cluster.local", HTTP2: true, Rate: ratePerStream},
	}
}

// example reads a file of examples/bluegreen.
func (d *demo) example(name string) string {
	dir, err := module.Dir(module.Ours)
	if err != nil {
		d.Fatalf("%v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "examples", "bluegreen", name))
	if err != nil {
		d.Fatalf("%v", err)
	}
	return string(data)
}

// writeTraffic writes the Rollout with weights by hand.
func (d *demo) writeTraffic(blue, green int) {
	head, _, ok := strings.Cut(d.rollout, "  blueGreen:\n")
	if !ok {
		d.Fatalf("the Rollout of the example has no blueGreen")
	}
	d.Write("rollout.yaml", fmt.Sprintf("%s  traffic:\n    blue: %d\n    green: %d\n", head, blue, green))
}

// writeActive writes the Rollout of the example, with another active version.
func (d *demo) writeActive(version string) {
	d.Write("rollout.yaml", replaceOnce(d.Env, d.rollout, "active: blue", "active: "+version))
}

var (
	workloadName = regexp.MustCompile(`name: shop-\w+-\d+`)
	workloadPort = regexp.MustCompile(`port: \d+`)
)

// addEndpoint starts a process of a version and writes its Workload, made from the example's.
func (d *demo) addEndpoint(version string) *harness.Backend {
	b := d.Backend(version)
	d.backends[version] = append(d.backends[version], b)
	w := workloadName.ReplaceAllString(d.template[version], "name: "+endpointName(b))
	w = strings.Replace(w, "127.0.0.1", b.Address.Addr().String(), 1)
	w = workloadPort.ReplaceAllString(w, "port: "+strconv.Itoa(int(b.Address.Port())))
	d.Write(endpointName(b)+".yaml", w)
	return b
}

// removeEndpoint takes the oldest process of a version out, and stops it when Envoy no longer
// knows it.
func (d *demo) removeEndpoint(version string) {
	b := d.backends[version][0]
	d.backends[version] = d.backends[version][1:]
	d.Remove(endpointName(b) + ".yaml")
	d.awaitEndpoints(version)
	b.Retire(20 * time.Second)
}

// awaitEndpoints waits until Envoy has exactly the endpoints that there are.
func (d *demo) awaitEndpoints(version string) {
	var want []string
	for _, b := range d.backends[version] {
		want = append(want, b.Address.String())
	}
	d.controlPlane.Envoy.AwaitHosts("default/shop/80/"+version+"~", 10*time.Second, want...)
}

func endpointName(b *harness.Backend) string {
	return fmt.Sprintf("shop-%s-%s", b.Version, strings.NewReplacer(".", "-", ":", "-").Replace(b.Address.String()))
}

// killControlPlane kills gateway-cp, leaves Envoy alone for a while, and starts it again.
func (d *demo) killControlPlane() {
	before := fmt.Sprint(d.controlPlane.SupervisedEnvoys())
	d.controlPlane.Kill()
	d.pause(2 * time.Second)
	d.controlPlane.Start()
	d.controlPlane.AwaitStatus("Envoy is back", 10*time.Second, harness.InSync(1))
	if after := fmt.Sprint(d.controlPlane.SupervisedEnvoys()); after != before {
		d.Errorf("the Envoy that ran was not adopted: before %s, after %s", before, after)
	}
	if err := d.controlPlane.SentOnReconnect(); err != nil {
		d.Errorf("%v", err)
	}
}

func (d *demo) inSync() {
	d.controlPlane.AwaitStatus("Envoy is in sync", 10*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			return fmt.Errorf("problem: %s", p)
		}
		return harness.InSync(1)(s)
	})
}

// pause lets the load run, with the counts on screen.
func (d *demo) pause(span time.Duration) {
	for end := time.Now().Add(span); time.Now().Before(end); {
		if d.Pause(min(200*time.Millisecond, time.Until(end))) != nil {
			d.stage.interrupted()
		}
		d.stage.progress("%s requests, %d failed", thousands(int(d.load.Sent())), d.load.Failed())
	}
}

// curtain stops everything as a user does, with SIGTERM.
func (d *demo) curtain() {
	d.stage.say("stopping gateway-cp and Envoy")
	d.controlPlane.Terminate(45 * time.Second)
}

// replaceOnce replaces what must be there exactly once.
func replaceOnce(e *harness.Env, text, old, with string) string {
	if n := strings.Count(text, old); n != 1 {
		e.Fatalf("the example has %q %d times", old, n)
	}
	return strings.Replace(text, old, with, 1)
}
