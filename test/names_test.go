package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Every Service is reached by each of its DNS names, and the port in the Host chooses the
// Service port: without one 80, else the only one, else none.
func TestServicesByName(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	web, api, shopWeb := e.Backend("web"), e.Backend("api"), e.Backend("shop-web")
	webAdmin, apiAdmin := e.BackendBeside("web-admin", web), e.BackendBeside("api-admin", api)
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("services.yaml", fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: a, port: 80, targetPort: http}, {name: b, port: 9090, targetPort: %d}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: web, labels: {app: web}}
spec: {addresses: [%s], ports: [{name: http, port: %d}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 8000, targetPort: http}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {addresses: [%s], ports: [{name: http, port: %d}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{name: a, port: 8081, targetPort: http}, {name: b, port: 8082, targetPort: admin}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {addresses: [%s], ports: [{name: http, port: %d}, {name: admin, port: %d}]}
`, webAdmin.Address.Port(), web.Address.Addr(), web.Address.Port(), shopWeb.Address.Addr(), shopWeb.Address.Port(),
		api.Address.Addr(), api.Address.Port(), apiAdmin.Address.Port()))
	c := e.Run()
	for _, x := range []struct{ hosts, version string }{
		{"web web.default web.default.svc web.default.svc.cluster.local", "web"},
		{"web:80 web.default:80 web.default.svc:80 web.default.svc.cluster.local:80", "web"},
		{"web:9090 web.default:9090 web.default.svc:9090 web.default.svc.cluster.local:9090", "web-admin"},
		{"web:9091 web.default:9091 web.default.svc.example.com web.other", ""},
		{"web.shop web.shop:8000 web.shop.svc web.shop.svc:8000 web.shop.svc.cluster.local", "shop-web"},
		{"web.shop:80 web.shop.svc.cluster.local:80", ""},
		{"api.shop:8081 api.shop.svc:8081 api.shop.svc.cluster.local:8081", "api"},
		{"api.shop:8082", "api-admin"},
		{"api.shop api api:8081 nothing nothing.shop example.com web.- web.-.svc -.default .default default", ""},
		{"WEB Web.Default web.Shop:8000 WEB:9090 web.DEFAULT.svc:9090 web.shop.SVC:8000", "any"},
	} {
		for _, host := range strings.Fields(x.hosts) {
			for _, http2 := range []bool{false, true} {
				s := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: host, HTTP2: http2}
				switch x.version {
				case "":
					awaitCode(e, s, http.StatusNotFound)
				case "any": // names do not care about case
					awaitCode(e, s, http.StatusOK)
				default:
					e.Await(host, 5*time.Second, s.Answers(x.version))
				}
			}
		}
	}
	// What is not served without a port is said.
	c.AwaitStatus("a problem of shop/api", 5*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			if p.Object.Name == "api" && p.Object.Namespace == "shop" {
				return nil
			}
		}
		return fmt.Errorf("problems: %v", s.Problems)
	})
}

// awaitCode waits until a request is answered with a status code.
func awaitCode(e *harness.Env, s harness.Stream, code int) *http.Response {
	e.Helper()
	var answer *http.Response
	e.Await(fmt.Sprintf("%d for %s %s", code, s.Host, s.URL), 5*time.Second, func() error {
		resp, body, err := s.Do()
		if err != nil {
			return err
		}
		if resp.StatusCode != code {
			return fmt.Errorf("%s: %.200s", resp.Status, body)
		}
		answer = resp
		return nil
	})
	return answer
}
