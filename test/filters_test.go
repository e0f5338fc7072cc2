package test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

const filteredRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  hostnames: [web.example.com]
  rules:
  - matches: [{path: {value: /headers}}]
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-Set, value: s}], add: [{name: X-Add, value: b}], remove: [X-Gone]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: X-Answer, value: yes-sir}], remove: [X-Secret]}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /redirect}}]
    filters:
    - type: RequestRedirect
      requestRedirect: {scheme: https, hostname: new.example.com, port: 8443, statusCode: 301,
        path: {type: ReplacePrefixMatch, replacePrefixMatch: /there}}
  - matches: [{path: {value: /rewrite}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inside.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /inner}}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /mirror}}]
    filters:
    - type: RequestMirror
      requestMirror: {backendRef: {name: shadow, port: 80}}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /slow}}]
    timeouts: {request: 200ms}
    backendRefs: [{name: web, port: 80}]
`

func TestRouteFilters(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	web, shadow := e.Backend("web"), e.Backend("shadow")
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Secret", "secret")
		_, _ = fmt.Fprintf(w, "%s %s set=%v add=%v gone=%v", r.Host, r.URL.Path, r.Header["X-Set"], r.Header["X-Add"], r.Header["X-Gone"])
	})
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port)+filteredRoute)
	e.Write("services.yaml", harness.Service("web", 80)+web.Workload("web")+harness.Service("shadow", 80)+shadow.Workload("shadow"))
	e.Run()
	request := func(path string) harness.Stream {
		return harness.Stream{URL: "http://" + e.Address(port) + path, Host: "web.example.com",
			Header: http.Header{"X-Set": {"old"}, "X-Add": {"a"}, "X-Gone": {"here"}}}
	}
	body := func(path, want string) *http.Response {
		t.Helper()
		e.Await(path, 5*time.Second, request(path).Answers("web"))
		resp, got, err := request(path).Do()
		if err != nil || got != want {
			t.Fatalf("%s: got %q (%v), want %q", path, got, err, want)
		}
		return resp
	}
	answer := body("/headers", "web.example.com /headers set=[s] add=[a b] gone=[]")
	if answer.Header.Get("X-Answer") != "yes-sir" || answer.Header.Get("X-Secret") != "" {
		t.Errorf("headers of the answer: %v", answer.Header)
	}
	body("/rewrite/x", "inside.example.com /inner/x set=[old] add=[a] gone=[here]")
	moved := awaitCode(e, request("/redirect/x"), http.StatusMovedPermanently)
	if got, want := moved.Header.Get("Location"), "https://new.example.com:8443/there/x"; got != want {
		t.Errorf("redirected to %q, want %q", got, want)
	}
	if n := shadow.Requests.Load(); n != 0 {
		t.Errorf("%d requests were mirrored from other rules", n)
	}
	body("/mirror", "web.example.com /mirror set=[old] add=[a] gone=[here]")
	e.Await("the mirrored request", 5*time.Second, func() error {
		if shadow.Requests.Load() == 0 {
			return fmt.Errorf("nothing was mirrored")
		}
		return nil
	})
	awaitCode(e, request("/slow?delay=2s"), http.StatusGatewayTimeout)
	e.Await("a request in time", 5*time.Second, request("/slow").Answers("web"))
}
