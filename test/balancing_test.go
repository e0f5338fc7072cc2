package test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Services with the names of IPVS' schedulers over the same three endpoints, one of which is slow. rr gives
// each a third; lc gives the slow one less, since its requests pile up; sh gives a client one endpoint.
func TestIPVSSchedulers(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	backends := e.Backends("v1", 3)
	slow := backends[0].Address.String()
	backends[0].Handle(func(http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Millisecond) })
	var services strings.Builder
	for _, name := range []string{"rr", "lc", "sh"} {
		fmt.Fprintf(&services, `apiVersion: v1
kind: Service
metadata: {name: %s, annotations: {gateway-cp.io/ipvs-scheduler: %s}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
`, name, name)
	}
	e.Write("web.yaml", e.Fleet(port)+services.String()+harness.Workloads("web", backends...))
	c := e.Run()
	c.AwaitStatus("in sync", 20*time.Second, harness.InSync(1))
	url := "http://" + e.Address(port) + "/"
	third := map[string]float64{}
	for _, b := range backends {
		third[b.Address.String()] = 1. / 3
	}
	// spread gives how 300 requests, 16 at a time, are spread.
	spread := func(name string) map[string]int {
		t.Helper()
		e.Await(name+" answers", 20*time.Second, harness.Stream{Name: name, URL: url, Host: name + ".default"}.Answers("v1"))
		requests := make([]netip.Addr, 300)
		for i := range requests {
			requests[i] = e.IP
		}
		by, err := chosen(requests, askHTTP(url, name+".default"))
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, b := range by {
			counts[b]++
		}
		return counts
	}
	if err := harness.Split(spread("rr"), third); err != nil {
		t.Errorf("rr: %v", err)
	}
	if counts := spread("lc"); harness.Split(counts, third) == nil || counts[slow] > 75 {
		t.Errorf("lc: %v, want fewer for %s, which is slow", counts, slow)
	}
	if counts := spread("sh"); len(counts) != 1 {
		t.Errorf("sh: %v, want all of a client's at one endpoint", counts)
	}
}
