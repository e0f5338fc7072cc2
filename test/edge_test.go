package test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// ask sends the text of one request, as it is, and gives the answer.
func ask(address, request string) (*http.Response, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte(request)); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	return response, response.Body.Close()
}

// What docs/edge-defaults.md says of requests, on both kinds of listeners.
func TestEdgeDefaults(t *testing.T) {
	t.Parallel()
	e := harness.New(t)
	services, gateway := e.FreePort(), e.FreePort()
	web := e.Backend("web")
	web.Handle(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Host", r.Host) })
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("web.yaml", harness.Service("web", 80)+web.Workload("web")+harness.Gateway(gateway)+harness.Route("web", "web.example.com", 80)+`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: secure}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /secure}}]
    filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]
`)
	e.Run()
	onServices, onGateway := e.Address(services), e.Address(gateway)
	for _, s := range []harness.Stream{
		{URL: "http://" + onServices + "/", Host: "web"},
		{URL: "http://" + onGateway + "/", Host: "web.example.com"},
	} {
		e.Await(s.Host+" answers", 20*time.Second, s.Answers("web"))
	}
	get := func(line, host string, headers ...string) string {
		return line + "\r\nHost: " + host + "\r\n" + strings.Join(append(headers, "", ""), "\r\n")
	}
	for _, x := range []struct {
		name, address, request string
		code                   int
		header, value          string
	}{
		{"a bare name with a dot", onServices, get("GET / HTTP/1.1", "web."), 200, "X-Host", "web"},
		{"in capitals", onServices, get("GET / HTTP/1.1", "WEB."), 200, "", ""},
		{"with a port", onServices, get("GET / HTTP/1.1", "web.:80"), 200, "X-Host", "web:80"},
		{"the full name", onServices, get("GET / HTTP/1.1", "web.default.svc.cluster.local."), 200, "X-Host", "web.default.svc.cluster.local"},
		{"the full name with a port", onServices, get("GET / HTTP/1.1", "web.default.svc.cluster.local.:80"), 200, "", ""},
		{"the full name with the listener's port", onServices, get("GET / HTTP/1.1", fmt.Sprintf("web.default.svc.cluster.local.:%d", services)), 200, "", ""},
		{"another name", onServices, get("GET / HTTP/1.1", "other."), 404, "", ""},
		{"a hostname of a route", onGateway, get("GET / HTTP/1.1", "web.example.com."), 200, "X-Host", "web.example.com"},
		{"with a port", onGateway, get("GET / HTTP/1.1", fmt.Sprintf("web.example.com.:%d", gateway)), 200, "", ""},
		{"HTTP/1.0", onServices, get("GET / HTTP/1.0", "web"), 200, "X-Host", "web"},
		{"HTTP/1.0", onGateway, get("GET / HTTP/1.0", "web.example.com"), 200, "", ""},
		{"HTTP/1.0 without Host", onGateway, "GET / HTTP/1.0\r\n\r\n", 400, "", ""},
		{"a header with _", onServices, get("GET / HTTP/1.1", "web", "X_Under: 1"), 400, "", ""},
		{"a header with _", onGateway, get("GET / HTTP/1.1", "web.example.com", "X_Under: 1"), 400, "", ""},
		{"an escaped slash", onGateway, get("GET /a%2fb HTTP/1.1", "web.example.com"), 307, "Location", "/a/b"},
		{"a redirect to https keeps no port of http", onGateway, get("GET /secure HTTP/1.1", fmt.Sprintf("a.example:%d", gateway)), 302, "Location", "https://a.example:443/secure"},
	} {
		response, err := ask(x.address, x.request)
		switch {
		case err != nil:
			t.Errorf("%s: %q: %v", x.name, x.request, err)
		case response.StatusCode != x.code:
			t.Errorf("%s: %q is answered %s", x.name, x.request, response.Status)
		case x.header != "" && response.Header.Get(x.header) != x.value:
			t.Errorf("%s: %q is answered with %v", x.name, x.request, response.Header)
		}
	}
}
