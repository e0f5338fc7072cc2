package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Requests take the route that the Gateway API says: the longest path, then the method, the
// headers and the query.
func TestRoutesMatch(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port))
	var services strings.Builder
	for _, name := range []string{"root", "exact", "prefix", "regex", "header", "query", "method", "wild", "other"} {
		services.WriteString(harness.Service(name, 80) + e.Backend(name).Workload(name))
	}
	e.Write("services.yaml", services.String())
	rule := func(service, match string) string {
		return fmt.Sprintf("  - {backendRefs: [{name: %s, port: 80}], matches: [{%s}]}\n", service, match)
	}
	route := func(name, host, rules string) string {
		return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: %s}\n"+
			"spec:\n  parentRefs: [{name: gw}]\n  hostnames: [%q]\n  rules:\n%s---\n", name, host, rules)
	}
	e.Write("routes.yaml", route("web", "web.example.com",
		rule("root", "path: {type: PathPrefix, value: /}")+
			rule("prefix", "path: {type: PathPrefix, value: /api}")+
			rule("header", "path: {type: PathPrefix, value: /api}, headers: [{name: X-Beta, value: 'yes'}]")+
			rule("query", "path: {type: PathPrefix, value: /api}, queryParams: [{name: beta, value: 'yes'}]")+
			rule("method", "path: {type: PathPrefix, value: /api}, method: DELETE")+
			rule("exact", "path: {type: Exact, value: /api/exact}")+
			rule("regex", "path: {type: RegularExpression, value: '/item/[0-9]+'}"))+
		route("wild", "*.example.com", rule("wild", "path: {type: PathPrefix, value: /}"))+
		route("other", "other.example.net", rule("other", "path: {type: PathPrefix, value: /only}"))+
		route("broken", "broken.example.com", rule("nobody", "path: {type: PathPrefix, value: /}")))
	e.Run()
	request := func(host, path string) harness.Stream {
		return harness.Stream{URL: "http://" + e.Address(port) + path, Host: host, Header: http.Header{}}
	}
	with := func(s harness.Stream, change func(*harness.Stream)) harness.Stream { change(&s); return s }
	beta := func(s *harness.Stream) { s.Header.Set("X-Beta", "yes") }
	remove := func(s *harness.Stream) { s.Method = http.MethodDelete }
	for _, x := range []struct {
		s    harness.Stream
		want string
	}{
		{request("web.example.com", "/"), "root"},
		{request("web.example.com:1234", "/"), "root"},
		{request("web.example.com", "/apis"), "root"},
		{request("web.example.com", "/api"), "prefix"},
		{request("web.example.com", "/api/x?beta=no"), "prefix"},
		{request("web.example.com", "/api/x?beta=yes"), "query"},
		{with(request("web.example.com", "/api/x"), beta), "header"},
		{with(request("web.example.com", "/api/x?beta=yes"), beta), "header"},
		{with(with(request("web.example.com", "/api/x"), beta), remove), "method"},
		{with(request("web.example.com", "/api/exact"), beta), "exact"},
		{request("web.example.com", "/api/exact/"), "prefix"},
		{request("web.example.com", "/item/42"), "regex"},
		{request("web.example.com", "/item/x"), "root"},
		{request("any.example.com", "/api"), "wild"},
		{request("a.b.example.com", "/"), "wild"},
		{request("other.example.net", "/only"), "other"},
	} {
		e.Await(fmt.Sprintf("%s %s%s", x.s.Method, x.s.Host, x.s.URL), 5*time.Second, x.s.Answers(x.want))
	}
	awaitCode(e, request("other.example.net", "/"), http.StatusNotFound)
	awaitCode(e, request("example.com", "/"), http.StatusNotFound)
	awaitCode(e, request("broken.example.com", "/"), http.StatusInternalServerError)
}
