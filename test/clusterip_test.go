package test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Services without a cluster IP are given one of the fleet's range, and are reachable there, each at its own
// ports: TCP, UDP and HTTP. It is the same one after a restart.
func TestClusterIPs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have one loopback address only: there are none to give")
	}
	e := harness.New(t)
	pool := netip.PrefixFrom(beside(e, 192), 26)
	e.Write("fleet.yaml", strings.Replace(e.Fleet(e.FreePort()), "\n---", fmt.Sprintf("\n  clusterIPRanges: [%q]\n---", pool), 1))
	web, db := e.Backend("web"), newSpeaker(e, "db")
	e.Write("services.yaml", web.Workload("web")+db.workload("db")+fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 8000, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  selector: {app: db}
  ports: [{name: db, port: 8000, targetPort: tcp}, {name: dns, protocol: UDP, port: 8000, targetPort: %d}]
`, echoDatagrams(e, "db")))
	c := e.Run("--bind-cluster-ips")
	var at map[string]string // by who answers
	e.Await("two Services at port 8000 of two addresses", 20*time.Second, func() (err error) {
		at, err = clusterIPs(c, pool)
		return err
	})
	e.Await("HTTP", 10*time.Second, harness.Stream{Name: "http", URL: "http://" + at["web"] + "/", Host: "any"}.Answers("web"))
	e.Await("UDP", 10*time.Second, func() error {
		got, err := datagram(at["db"], "hello")
		if err == nil && got != "db hello" {
			err = fmt.Errorf("got %q", got)
		}
		return err
	})
	c.AwaitStatus("no problems", 10*time.Second, func(s admin.Status) error {
		if len(s.Problems) > 0 {
			return fmt.Errorf("problems: %v", s.Problems)
		}
		return harness.InSync(1)(s)
	})
	c.Kill()
	e.Write("a.yaml", harness.Service("a", 8000)) // sorts first
	c.Start()
	e.Await("the same addresses", 10*time.Second, func() error {
		return errors.Join(answeredBy(at["db"], "db")(), harness.Stream{Name: "http", URL: "http://" + at["web"] + "/", Host: "any"}.Answers("web")())
	})
}

// clusterIPs gives the addresses of the pool at which Envoy has TCP listeners, by who answers there.
func clusterIPs(c *harness.ControlPlane, pool netip.Prefix) (map[string]string, error) {
	page, err := c.Envoy.Get("/listeners")
	if err != nil {
		return nil, err
	}
	at := map[string]string{}
	for name := range strings.FieldsSeq(strings.ReplaceAll(page, "::", " ")) {
		address, err := netip.ParseAddrPort(name)
		if err != nil || !pool.Contains(address.Addr()) {
			continue
		}
		who := "db"
		if (harness.Stream{Name: "http", URL: "http://" + name + "/", Host: "any"}).Answers("web")() == nil {
			who = "web"
		}
		at[who] = net.JoinHostPort(address.Addr().String(), "8000")
	}
	if len(at) != 2 {
		return nil, fmt.Errorf("found %v in\n%s", at, page)
	}
	return at, nil
}
