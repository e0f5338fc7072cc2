package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// cut is a way to cut routes: what becomes of what was translated.
type cut struct {
	name string
	// of gives the change set as an Envoy is to have it.
	of func(resource.ChangeSet) (resource.ChangeSet, error)
	// changes is how many are measured.
	changes int
}

// cuts are gateway-cp's own way, and what it is compared with.
var cuts = []cut{
	{"gateway-cp", func(set resource.ChangeSet) (resource.ChangeSet, error) { return set, nil }, 200},
	{"one RouteConfiguration", inOneTable, 20},
}

// routed is a real Envoy with a crowd behind it. One Service of the crowd has two versions, and
// all of its traffic goes to one or the other.
type routed struct {
	*gateway
	cut     cut
	envoy   *envoyProcess
	address string // where Services are reached
	wire    *counted
	synced  time.Duration
	close   func()
}

// routesTable measures the change of the route of one Service, from the change set to the first
// request that a real Envoy routes by it.
func routesTable() error {
	w := table()
	fmt.Fprintln(w, "Services\troutes\tEnvoy has all\tits memory\ton the wire\tmain thread\ttimes as much\teffect p50\tp99\ta cluster warms: p50\tp99\t")
	for _, c := range []crowd{{services: 10000}, {services: 10000, tenNames: true}} {
		var first routeCost
		for i, cut := range cuts {
			cost, err := measureRoutes(c, cut)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c, cut.name, err)
			}
			if i == 0 {
				first = cost
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d B\t%s\t%.1f×\t%s\t%s\t%s\t%s\t\n", c, cut.name, short(cost.synced), mib(cost.memory),
				cost.bytes, short(cost.main), float64(cost.main)/float64(first.main), short(cost.median), short(cost.p99), short(cost.warming), short(cost.warming99))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println()
	return requestsTable()
}

// routeCost is what the change of a route costs.
type routeCost struct {
	synced      time.Duration // until a new Envoy has everything
	memory      int64         // of Envoy
	bytes       int           // to Envoy, the median
	main        time.Duration // CPU of Envoy's main thread, beyond what it uses anyhow
	median, p99 time.Duration // until the effect
	// warming and warming99 are median and p99 while the cluster of another Service warms.
	warming, warming99 time.Duration
}

func measureRoutes(c crowd, way cut) (cost routeCost, err error) {
	r, err := newRouted(c, way)
	if err != nil {
		return cost, err
	}
	defer r.close()
	cost.synced = r.synced
	var u usage
	if err := memoryOf(r.envoy.pid(), &u); err != nil {
		return cost, err
	}
	cost.memory = u.anonymous + u.files
	if _, err := r.flips(2 + way.changes/10); err != nil { // to warm up
		return cost, err
	}
	idle, err := r.envoy.idle()
	if err != nil {
		return cost, err
	}
	before, began := r.envoy.mainCPU(), time.Now()
	f, err := r.flips(way.changes)
	if err != nil {
		return cost, err
	}
	used := r.envoy.mainCPU() - before - time.Duration(idle*float64(time.Since(began)))
	cost.main = used / time.Duration(way.changes)
	cost.median, cost.p99, cost.bytes = f.median, f.p99, f.bytes
	silent, err := r.startWarming()
	if err != nil {
		return cost, err
	}
	defer silent.Close()
	if f, err = r.flips(way.changes); err != nil {
		return cost, err
	}
	cost.warming, cost.warming99 = f.median, f.p99
	if !r.isWaiting() {
		return cost, errors.New("no cluster was warming")
	}
	return cost, nil
}

// ackPause is time enough for an Envoy to acknowledge what it does already.
const ackPause = 5 * time.Millisecond

// flipped is what changes of a route came to.
type flipped struct {
	median, p99 time.Duration
	bytes       int
}

// flips moves all traffic of the Service between its versions, a number of times. The last one
// leaves it where it was.
func (r *routed) flips(n int) (f flipped, err error) {
	client, err := dialHTTP(r.address)
	if err != nil {
		return f, err
	}
	defer client.close()
	namespace, name := r.crowd.id(r.crowd.services / 2)
	host := name + "." + namespace + ".svc"
	var took []time.Duration
	var bytes []int
	for nth := range n + n%2 {
		to := versionNames[(nth+1)%2]
		set, err := r.translated(r.rollout(to))
		if err != nil {
			return f, err
		}
		sent, began := r.wire.sent.Load(), time.Now()
		r.server.Apply(set)
		if err := client.await(host, http.StatusOK, to); err != nil {
			return f, err
		}
		took = append(took, time.Since(began))
		bytes = append(bytes, int(r.wire.sent.Load()-sent))
		time.Sleep(ackPause)
	}
	slices.Sort(took)
	slices.Sort(bytes)
	return flipped{took[len(took)/2], took[len(took)*99/100], bytes[len(bytes)/2]}, nil
}

// translated takes in objects, and gives the change set as the Envoy is to have it.
func (r *routed) translated(objects ...api.Value) (resource.ChangeSet, error) {
	var changes []translator.Change
	for _, v := range objects {
		o, err := object(v)
		if err != nil {
			return resource.ChangeSet{}, err
		}
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	return r.cut.of(r.translator.Apply(changes))
}

// isWaiting says whether routes wait for a cluster.
func (r *routed) isWaiting() bool {
	return slices.ContainsFunc(r.server.Fleet(), func(e xds.EnvoyStatus) bool { return len(e.Waiting) > 0 })
}

// versionNames are the versions of the Service whose route changes.
var versionNames = [2]string{"blue", "green"}

// rollout sends all traffic of the Service to a version.
func (r *routed) rollout(to string) api.Value {
	namespace, name := r.crowd.id(r.crowd.services / 2)
	return decoded(&v1alpha1.Rollout{}, fmt.Sprintf(`
apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {namespace: %s, name: %s}
spec:
  targetRef: {name: %[2]s}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  traffic: {%[3]s: 100}
`, namespace, name, to))
}

// decoded fills in a value from a manifest of ours.
func decoded[T api.Value](v T, manifest string) T {
	if err := yaml.UnmarshalStrict([]byte(manifest), v); err != nil {
		panic(err)
	}
	return v
}

// startWarming adds a Service whose cluster warms for two minutes: whoever listens there never
// answers Envoy's first health check. The listener is to be closed.
func (r *routed) startWarming() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	set, err := r.translated(slowService(l.Addr().(*net.TCPAddr))...)
	if err != nil {
		return l, err
	}
	r.server.Apply(set)
	return l, poll(r.isWaiting, "no cluster begins to warm")
}

// poll waits until something holds.
func poll(holds func() bool, or string) error {
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		if holds() {
			return nil
		}
	}
	return errors.New(or)
}
