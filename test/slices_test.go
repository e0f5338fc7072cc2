package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// What EndpointSlices say is obeyed: the name of a port, hints for zones and nodes, also as they change, and whether
// an endpoint is ready, unless the Service publishes it all the same.
func TestConditionsAndHintsOfSlices(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	near, far := e.Backend("near"), e.Backend("far")
	service := func(name, more string) {
		e.Write(name+".yaml", fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {%s ports: [{name: web, port: 80}]}
`, name, more))
	}
	slice := func(name string, endpoints ...string) {
		e.Write(name+"-slice.yaml", fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s-1, labels: {kubernetes.io/service-name: %s}}
addressType: IPv4
ports: [{name: other, port: 1}, {name: web, port: %d}]
endpoints: [%s]
`, name, name, near.Address.Port(), strings.Join(endpoints, ", ")))
	}
	endpoint := func(b *harness.Backend, more string) string {
		return fmt.Sprintf("{addresses: [%s]%s}", b.Address.Addr(), more)
	}
	hinted := func(b *harness.Backend, hints string) string { return endpoint(b, ", hints: {"+hints+"}") }
	both := []string{near.Address.String(), far.Address.String()}
	service("hinted", "")
	slice("hinted", hinted(near, "forZones: [{name: a}]"), hinted(far, "forZones: [{name: b}]"))
	service("late", "")
	service("published", "publishNotReadyAddresses: true,")
	for _, name := range []string{"late", "published"} {
		slice(name, endpoint(near, ", conditions: {ready: false}"))
	}
	c := e.Run("--zone", "a", "--node-name", "n1")
	web := func(host string) harness.Stream {
		return harness.Stream{URL: "http://" + e.Address(port) + "/", Host: host}
	}
	goes := func(what string, want ...string) {
		t.Helper()
		e.Await(what, 10*time.Second, func() error { return spread(web("hinted"), want) })
	}
	goes("hinted for the zone", both[0])
	e.Await("published", 10*time.Second, web("published").Answers("near"))
	if resp, _, err := web("late").Do(); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an endpoint that is not ready answers: %v, %v", resp, err)
	}
	for _, x := range []struct {
		what, near, far string
		want            []string
	}{
		{"hinted for the node", "forZones: [{name: a}], forNodes: [{name: n2}]", "forZones: [{name: a}], forNodes: [{name: n1}]", both[1:]},
		{"a node without endpoints has those of its zone", "forZones: [{name: a}], forNodes: [{name: n2}]", "forZones: [{name: b}], forNodes: [{name: n3}]", both[:1]},
		{"hints are ignored where one is missing", "forZones: [{name: a}]", "", both},
		{"there are none for the zone", "forZones: [{name: b}]", "forZones: [{name: c}]", both},
	} {
		slice("hinted", hinted(near, x.near), hinted(far, x.far))
		goes(x.what, x.want...)
	}
	c.Apply(10*time.Second, func() { service("published", "") })
	e.Await("published no more", 10*time.Second, func() error {
		resp, _, err := web("published").Do()
		if err == nil && resp.StatusCode != http.StatusServiceUnavailable {
			err = fmt.Errorf("%s", resp.Status)
		}
		return err
	})
}
