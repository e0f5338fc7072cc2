package test

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// put writes a file that is as it should be.
func (f *fleetFire) put(name, content string) {
	f.good[name] = content
	delete(f.broken, name)
	f.Write(name, content)
}

// manifests writes everything that is always there.
func (f *fleetFire) manifests() {
	var fleets strings.Builder
	for _, e := range f.envoys {
		fmt.Fprintf(&fleets, `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: %s}
spec:
  addresses: [%q]
  serviceListener: {address: %q, port: %d}
  drainTime: 1s
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %[1]s}
spec:
  controllerName: gateway-cp.io/gateway-controller
  parametersRef: {group: gateway-cp.io, kind: Fleet, name: %[1]s}
---
`, e.fleet, f.IP, f.IP, e.service)
	}
	f.put("fleets.yaml", fleets.String())
	f.put("gateways.yaml", f.gateways())
	f.put("services.yaml", harness.Service("web", 80)+harness.Service("shop", 80)+harness.Service("plain", 80))
	for _, version := range []string{"web-blue", "web-green", "plain"} {
		for range 2 {
			f.endpoint(version)
		}
	}
	f.put("web-rollout.yaml", f.split())
	f.put("web-route.yaml", f.webRoute(0))
	f.put("shop-route.yaml", f.route("shop", "shop.example.com", rule("shop", "")))
	f.put("picky-route.yaml", f.pickyRoute("/[a-z]*"))
	f.deployShop()
}

// gateways has a Gateway for each fleet, with the listeners that are open now, and a route for
// each of these whose host nobody had before: an answer is that of the new listener, not of the
// one on the same port that a slow Envoy has yet to close.
func (f *fleetFire) gateways() string {
	var b strings.Builder
	for _, e := range f.envoys {
		fmt.Fprintf(&b, `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s}
spec:
  gatewayClassName: %[1]s
  listeners:
  - {name: http, port: %d, protocol: HTTP}
`, e.fleet, e.gateway)
		for i, number := range f.open {
			if number > 0 {
				fmt.Fprintf(&b, "  - {name: extra-%d, port: %d, protocol: HTTP}\n", i, e.extra[i])
			}
		}
		b.WriteString("---\n")
	}
	for i, number := range f.open {
		if number > 0 {
			b.WriteString(f.route(fmt.Sprint("listener", i), fmt.Sprintf("listener%d.example.com", number), rule("shop", "")))
		}
	}
	return b.String()
}

// route is an HTTPRoute of all three Gateways.
func (f *fleetFire) route(name, host string, rules ...string) string {
	var parents []string
	for _, e := range f.envoys {
		parents = append(parents, "{name: "+e.fleet+"}")
	}
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [%s]
  hostnames: [%q]
  rules:
%s---
`, name, strings.Join(parents, ", "), host, strings.Join(rules, ""))
}

// rule is one that sends to a Service, with more fields.
func rule(service, fields string) string {
	return fmt.Sprintf("  - {backendRefs: [{name: %s, port: 80}]%s}\n", service, fields)
}

func (f *fleetFire) pickyRoute(path string) string {
	return f.route("picky", "picky.example.com", rule("plain", ", matches: [{path: {type: RegularExpression, value: '"+path+"'}}]"))
}

// webRoute is one of the ways to say that / is for "web", and /api for one of two Services.
func (f *fleetFire) webRoute(form int) string {
	const api = ", matches: [{path: {type: PathPrefix, value: /api}}]"
	forms := [][]string{
		{rule("web", "")},
		{rule("web", ""), rule("plain", api)},
		{rule("web", ", timeouts: {request: 20s}"), rule("plain", api)},
		{rule("web", ", filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Form, value: '3'}]}}]")},
		{"  - {backendRefs: [{name: web, port: 80, weight: 1}], matches: [{path: {type: PathPrefix, value: /}}]}\n",
			"  - {backendRefs: [{name: web, port: 80, weight: 1}, {name: plain, port: 80, weight: 3}]" + api + "}\n"},
		{rule("web", ""), rule("plain", ", matches: [{path: {type: Exact, value: /api}}, {path: {type: PathPrefix, value: /other}, method: POST}]")},
	}
	return f.route("web", "web.example.com", forms[form%len(forms)]...)
}

// split is the Rollout of "web", by hand.
func (f *fleetFire) split() string {
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [{name: blue, selector: {version: web-blue}}, {name: green, selector: {version: web-green}}]
  traffic: {blue: '%.2f', green: '%.2f'}
`, float64(f.shares["web-blue"])/100, float64(f.shares["web-green"])/100)
}

func endpointFile(b *harness.Backend) string {
	return "endpoint-" + strings.ReplaceAll(b.Address.String(), ":", "-") + ".yaml"
}

// endpoint starts one more process of a version.
func (f *fleetFire) endpoint(version string) {
	app, _, _ := strings.Cut(version, "-")
	b := f.Backend(version)
	f.pools[version] = append(f.pools[version], b)
	f.put(endpointFile(b), b.Workload(app))
}

// deployShop starts the next version of "shop" and asks for it.
func (f *fleetFire) deployShop() {
	f.shop++
	f.shopRuns = f.Backends(shopVersion(f.shop), 1+f.IntN(2))
	var workloads strings.Builder
	probed := f.IntN(3) == 0
	for _, b := range f.shopRuns {
		if probed {
			// A busy machine is not to make a process look ill.
			workloads.WriteString(strings.Replace(b.ProbedWorkload("shop"), "timeoutSeconds: 1, failureThreshold: 1", "timeoutSeconds: 20, failureThreshold: 10", 1))
		} else {
			workloads.WriteString(b.Workload("shop"))
		}
	}
	f.put(shopVersion(f.shop)+".yaml", workloads.String())
	f.listed = f.shop > 1 && f.IntN(2) == 0
	f.put("shop-rollout.yaml", f.shopRollout())
}

func (f *fleetFire) shopRollout() string {
	versions := fmt.Sprintf("{name: %s, selector: {version: %[1]s}}", shopVersion(f.shop))
	if f.listed {
		versions += fmt.Sprintf(", {name: %s, selector: {version: %[1]s}}", shopVersion(f.shop-1))
	}
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  targetRef: {name: shop}
  versions: [%s]
  blueGreen: {active: %s, holdOld: 0s}
`, versions, shopVersion(f.shop))
}

// next makes an edit that the seed chooses, and says what it was.
func (f *fleetFire) next() string {
	kinds := []func() string{
		f.addEndpoint, f.addEndpoint, f.removeEndpoint, f.removeEndpoint, f.reweigh, f.reweigh, f.flip, f.flip,
		f.changeRoute, f.changeRoute, f.addService, f.addService, f.addService, f.removePassing, f.removePassing, f.removePassing,
		f.addRoute, f.toggleListener, f.toggleListener, f.breakFile, f.fixFile, f.refuseRoute, f.refuseListener,
	}
	for {
		if said := kinds[f.IntN(len(kinds))](); said != "" {
			return said
		}
	}
}

func (f *fleetFire) addEndpoint() string {
	version := sortedKeys(f.pools)[f.IntN(len(f.pools))]
	if len(f.pools[version]) >= 6 {
		return ""
	}
	f.endpoint(version)
	return "a process of " + version + " comes"
}

func (f *fleetFire) removeEndpoint() string {
	version := sortedKeys(f.pools)[f.IntN(len(f.pools))]
	pool := f.pools[version]
	if share, split := f.shares[version]; len(pool) < 2 || split && share == 0 {
		return ""
	}
	i := f.IntN(len(pool))
	gone := pool[i]
	f.pools[version] = slices.Delete(pool, i, i+1)
	f.arrived(gone)
	f.drop(endpointFile(gone))
	f.retired.add(&leaving{backends: []*harness.Backend{gone}})
	return fmt.Sprintf("a process of %s goes: %s", version, gone.Address)
}

// arrived waits until the first Envoy has a process: what it loses then, it has lost because it
// was taken away.
func (f *fleetFire) arrived(backends ...*harness.Backend) {
	// What does not come in this time is behind a broken file, and no Envoy will have it.
	_ = f.Within(5*time.Second, func() error {
		hosts, err := hostsOf(f.envoys[0])
		for _, b := range backends {
			if err == nil && !hosts[b.Address.String()] {
				err = fmt.Errorf("%s is missing", b.Address)
			}
		}
		return err
	})
}

// drop takes a file away.
func (f *fleetFire) drop(name string) {
	delete(f.good, name)
	delete(f.broken, name)
	f.Remove(name)
}

func (f *fleetFire) reweigh() string {
	blue := []int{0, 10000, 5000, f.IntN(10001), f.IntN(10001), f.IntN(10001)}[f.IntN(6)]
	f.shares["web-blue"], f.shares["web-green"] = blue, 10000-blue
	f.put("web-rollout.yaml", f.split())
	return fmt.Sprintf("web: %d of 10000 to blue", blue)
}

func (f *fleetFire) flip() string {
	now := time.Now()
	if last := len(f.floors) - 1; f.floors[last].to.IsZero() {
		f.floors[last].to = now
	}
	old, version := f.shopRuns, f.shop
	f.deployShop()
	f.retired.add(&leaving{backends: old, shop: version, file: shopVersion(version) + ".yaml"})
	return fmt.Sprintf("shop: version %d, %d processes, the one before listed: %v", f.shop, len(f.shopRuns), f.listed)
}

func (f *fleetFire) changeRoute() string {
	form := f.IntN(6)
	f.put("web-route.yaml", f.webRoute(form))
	return fmt.Sprintf("the route of web: form %d", form)
}

// addService brings a Service with a route, under a name that may have been there before.
func (f *fleetFire) addService() string {
	name := fmt.Sprintf("guest%d", f.IntN(8))
	if f.passing[name] != nil {
		return ""
	}
	f.made++
	version := fmt.Sprintf("%s.%d", name, f.made)
	p := &passing{name: name, file: name + ".yaml", backends: f.Backends(version, 1+f.IntN(2))}
	host := name + ".example.com"
	f.put(p.file, harness.Service(name, 80)+harness.Workloads(name, p.backends...)+f.route(name, host, rule(name, "")))
	p.remove = func() { f.drop(p.file) }
	var streams []harness.Stream
	for _, e := range f.envoys {
		streams = append(streams,
			harness.Stream{Name: e.fleet, URL: "http://" + f.Address(e.service) + "/", Host: name + ".default", Rate: 3, Timeout: 30 * time.Second},
			harness.Stream{Name: e.fleet, URL: "http://" + f.Address(e.gateway) + "/", Host: host, Rate: 3, Timeout: 30 * time.Second})
	}
	f.watch(p, version, streams...)
	return "Service " + version + " with a route comes"
}

// addRoute brings a route alone.
func (f *fleetFire) addRoute() string {
	name := fmt.Sprintf("way%d", f.IntN(4))
	if f.passing[name] != nil {
		return ""
	}
	f.made++
	p := &passing{name: name, file: name + ".yaml"}
	p.remove = func() { f.drop(p.file) }
	host := fmt.Sprintf("way%d.example.com", f.made) // new, so that no way of before answers
	f.put(p.file, f.route(name, host, rule("plain", "")))
	var streams []harness.Stream
	for _, e := range f.envoys {
		streams = append(streams, harness.Stream{Name: e.fleet, URL: "http://" + f.Address(e.gateway) + "/", Host: host, Rate: 3, Timeout: 30 * time.Second})
	}
	f.watch(p, "plain", streams...)
	return "route " + name + " comes"
}

// toggleListener opens or closes one more listener of each Gateway.
func (f *fleetFire) toggleListener() string {
	i := f.IntN(len(f.open))
	name := fmt.Sprintf("listener%d", i)
	if p := f.passing[name]; p != nil {
		return f.takeAway(p)
	}
	f.made++
	f.open[i] = f.made
	host := fmt.Sprintf("listener%d.example.com", f.made)
	f.put("gateways.yaml", f.gateways())
	p := &passing{name: name, remove: func() {
		f.open[i] = 0
		f.put("gateways.yaml", f.gateways())
	}}
	var streams []harness.Stream
	for _, e := range f.envoys {
		streams = append(streams, harness.Stream{Name: e.fleet, URL: "http://" + f.Address(e.extra[i]) + "/", Host: host, Rate: 3, Timeout: 30 * time.Second})
	}
	f.watch(p, "", streams...)
	return name + " opens"
}

func (f *fleetFire) removePassing() string {
	names := sortedKeys(f.passing)
	if len(names) == 0 || len(names) < 5 && f.IntN(4) > 0 {
		return ""
	}
	p := f.passing[names[f.IntN(len(names))]]
	if f.IntN(4) > 0 { // most stay long enough to be asked
		for _, name := range names {
			if f.passing[name].number < p.number {
				p = f.passing[name]
			}
		}
	}
	return f.takeAway(p)
}

// takeAway takes something away, after the last request to it.
func (f *fleetFire) takeAway(p *passing) string {
	f.arrived(p.backends...)
	requests := p.end()
	p.remove()
	delete(f.passing, p.name)
	if len(p.backends) > 0 {
		f.retired.add(&leaving{backends: p.backends})
	}
	return fmt.Sprintf("%s goes, after %d requests", p.name, requests)
}

// breakFile spoils a file; what it held stays in effect.
func (f *fleetFire) breakFile() string {
	names := []string{"gateways.yaml", "services.yaml", "shop-rollout.yaml", "shop-route.yaml", "web-rollout.yaml", "web-route.yaml"}
	name := names[f.IntN(len(names))]
	form := f.IntN(3)
	if f.broken[name] {
		return ""
	}
	f.broken[name] = true
	f.Write(name, []string{
		strings.ReplaceAll(f.good[name], "spec:", "specs:"),
		f.good[name] + "---\nkind: [\n",
		strings.Replace(f.good[name], "metadata:", "\tmetadata:", 1),
	}[form])
	return fmt.Sprintf("%s is broken, form %d", name, form)
}

func (f *fleetFire) fixFile() string {
	names := sortedKeys(f.broken)
	if len(names) == 0 {
		return ""
	}
	name := names[f.IntN(len(names))]
	f.put(name, f.good[name])
	return name + " is mended"
}

// refuseRoute has Envoy refuse a route: its RE2 cannot take what Go's can.
func (f *fleetFire) refuseRoute() string {
	const name = "picky-route.yaml"
	if f.broken[name] {
		return ""
	}
	f.broken[name] = true
	f.Write(name, f.pickyRoute("/"+strings.Repeat(`\pL{1000}`, 6)+"?"))
	return "Envoys refuse the picky route"
}

// refuseListener has an Envoy refuse a listener: its port is taken.
func (f *fleetFire) refuseListener() string {
	const name = "taken.yaml"
	e := f.envoys[f.IntN(len(f.envoys))]
	if f.broken[name] {
		return ""
	}
	if f.taken == nil {
		taken, err := net.Listen("tcp", f.Address(0))
		if err != nil {
			f.Fatalf("%v", err)
		}
		f.Cleanup(func() { _ = taken.Close() })
		f.taken = taken
	}
	_, port, err := net.SplitHostPort(f.taken.Addr().String())
	if _, numeric := strconv.Atoi(port); err != nil || numeric != nil {
		f.Fatalf("%s is no address", f.taken.Addr())
	}
	f.broken[name], f.good[name] = true, ""
	f.Write(name, fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: taken}\nspec:\n"+
		"  gatewayClassName: %s\n  listeners: [{name: http, port: %s, protocol: HTTP}]\n", e.fleet, port))
	return "the Envoy of " + e.fleet + " refuses a listener"
}

// mend puts everything right.
func (f *fleetFire) mend() {
	for _, name := range sortedKeys(f.broken) {
		f.put(name, f.good[name])
	}
	if f.listed {
		f.listed = false
		f.put("shop-rollout.yaml", f.shopRollout())
	}
}
