package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gateway-cp/gateway-cp/deploy/envoy"
	"github.com/gateway-cp/gateway-cp/source/files"
	"github.com/gateway-cp/gateway-cp/test/harness"
	"github.com/gateway-cp/gateway-cp/traffic"
	"github.com/gateway-cp/gateway-cp/translator"
)

var (
	explainSeed   = flag.Uint64("explain.seed", 0, "seed of the generated configurations and requests (default: another one each time)")
	explainWorlds = flag.Int("explain.worlds", 10, "generated configurations, with 1,000 requests each")
)

const requestsPerWorld = 1000

// Explain and a real Envoy agree on what becomes of a request: the route, the cluster, what the
// backend is sent, and the status and place of every answer that comes from Envoy itself; for
// 10,000 requests that are made to be difficult, over configurations that are.
func TestExplainAgreesWithEnvoy(t *testing.T) {
	t.Parallel()
	seed := *explainSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	counts := map[string]int{}
	for i := range uint64(*explainWorlds) {
		t.Run(strconv.FormatUint(seed+i, 10), func(t *testing.T) {
			agree(t, seed+i, counts)
			if t.Failed() {
				t.Logf("again: go test ./test -run TestExplainAgreesWithEnvoy -explain.worlds 1 -explain.seed %d", seed+i)
			}
		})
	}
	t.Logf("answers: %v", counts)
	if all := *explainWorlds * requestsPerWorld; *explainWorlds >= 10 && counts["forwarded"] < all/20 {
		t.Errorf("of %d requests only %d reach a backend, too few for this to say much", all, counts["forwarded"])
	}
}

func agree(t *testing.T, seed uint64, counts map[string]int) {
	e := harness.New(t)
	w := newRoutingWorld(e, seed)
	backends := e.Backends("b", 8)
	for _, b := range backends {
		b.Handle(func(h http.ResponseWriter, r *http.Request) {
			h.Header().Set("X-Got-Path", r.RequestURI)
			h.Header().Set("X-Got-Host", r.Host)
		})
	}
	w.generate(t, backends)
	model := startStatic(t, e, e.Address(w.admin))
	c := &rawClients{}
	t.Cleanup(c.close)
	old := strings.Contains(envoyVersion(t, e), "/1.38.")
	for range requestsPerWorld {
		q := w.request()
		for old && differsOn138(q) {
			q = w.request()
		}
		explained, err := model.Explain(q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		got, err := c.send(q)
		if err != nil {
			got = &answer{closed: err}
		}
		why := disagreement(explained, got)
		counts[got.kind()]++
		if why != "" {
			t.Errorf("%s\n%s\nheaders %q, server name %q\nexplain: %s\nEnvoy: %s", why, describe(q), q.Headers, q.ServerName, outcomes(explained), got)
		}
	}
}

func envoyVersion(t *testing.T, e *harness.Env) string {
	out, err := exec.Command(e.EnvoyBinary(), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// parameterised is a dot segment with a path parameter.
var parameterised = regexp.MustCompile(`[/\\](\.|%2[eE]){1,2};`)

// differsOn138 says whether Envoy 1.38 may do something else with a request than explain and Envoy 1.39:
// see docs/envoy-versions.md.
func differsOn138(q traffic.Request) bool {
	names := map[string]bool{}
	for _, h := range q.Headers {
		name := strings.ToLower(h.Name)
		if names[name] {
			return true
		}
		names[name] = true
	}
	return parameterised.MatchString(q.Path)
}

// startStatic starts an Envoy with what the manifests come to, and gives the model of it. Each
// answer says which route and cluster it comes by.
func startStatic(t *testing.T, e *harness.Env, admin string) *traffic.Model {
	loaded, err := files.Load(files.LoadOptions{}, e.Manifests)
	if err != nil {
		t.Fatal(err)
	}
	tr := translator.New()
	var changes []translator.Change
	for _, o := range loaded.Objects {
		changes = append(changes, translator.Change{Key: o.Key, Object: o})
	}
	tr.Apply(changes)
	for _, p := range loaded.Problems {
		t.Fatalf("the generated manifests are wrong: %s", p)
	}
	snapshot, of := traffic.Snapshot(tr), traffic.Viewer{Fleet: "default"}
	model, err := traffic.Build(snapshot, of)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := traffic.Pieces(snapshot, of)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range pieces {
		if r, ok := p.Message.(*routev3.Route); ok {
			pieces[i].Message = marked(r, p.Key.Name+"|"+p.Host+"|"+strconv.Itoa(p.Route))
		}
	}
	resources, err := traffic.Static(pieces)
	if err != nil {
		t.Fatal(err)
	}
	b, err := envoy.Static(envoy.Options{NodeID: "static", Fleet: "default", AdminAddress: admin}, resources)
	if err != nil {
		t.Fatal(err)
	}
	data, err := envoy.YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	e.StartStaticEnvoy(data, admin)
	return model
}

// marked is a route that tells its name and its cluster in every answer.
func marked(r *routev3.Route, name string) *routev3.Route {
	r = proto.Clone(r).(*routev3.Route)
	for _, h := range [][2]string{{"x-route", strings.ReplaceAll(name, "%", "%%")}, {"x-cluster", "%UPSTREAM_CLUSTER_RAW%"}} {
		r.ResponseHeadersToAdd = append(r.ResponseHeadersToAdd, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: h[0], Value: h[1]}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		})
	}
	return r
}

// answer is what Envoy did.
type answer struct {
	closed  error // no answer came
	status  int
	headers http.Header
}

func (a *answer) String() string {
	if a.closed != nil {
		return "no answer: " + a.closed.Error()
	}
	return fmt.Sprintf("%d %v", a.status, a.headers)
}

func (a *answer) kind() string {
	switch {
	case a.closed != nil:
		return "no answer"
	case a.headers.Get(harness.EndpointHeader) != "":
		return "forwarded"
	}
	return strconv.Itoa(a.status)
}

// disagreement compares an explanation with what happened; empty when one of its outcomes did.
func disagreement(e *traffic.Explanation, got *answer) string {
	var all []string
	for _, o := range e.Outcomes {
		why := differs(e, o, got)
		if why == "" {
			return ""
		}
		all = append(all, why)
	}
	return strings.Join(all, "; or ")
}

func differs(e *traffic.Explanation, o traffic.Outcome, got *answer) string {
	if got.closed != nil || o.Kind == traffic.Close || o.Kind == traffic.Reset {
		if got.closed == nil || o.Kind != traffic.Close && o.Kind != traffic.Reset {
			return "one of the two ends without an answer"
		}
		return ""
	}
	route := ""
	if o.Route >= 0 {
		route = fmt.Sprintf("%s|%s|%d", e.Host.Table, e.Host.Name, o.Route)
	}
	h := got.headers
	// Answers before the router may have the headers of the route that would have been taken.
	early := e.Host == nil && o.Status != 404 || o.Status == 403 && h.Get("x-route") == ""
	if r := h.Get("x-route"); r != route && !early {
		return fmt.Sprintf("the route is %q, not %q", r, route)
	}
	if o.Forward == nil {
		if got.status != int(o.Status) || h.Get("Location") != o.Location || h.Get(harness.EndpointHeader) != "" {
			return fmt.Sprintf("the answer is %d %s, not %d %s", got.status, h.Get("Location"), o.Status, o.Location)
		}
		return ""
	}
	return forwardedElsewhere(o.Forward, got)
}

func forwardedElsewhere(f *traffic.Forwarding, got *answer) string {
	h := got.headers
	i := slices.IndexFunc(f.Clusters, func(c traffic.ClusterShare) bool { return c.Name == h.Get("x-cluster") && c.Share > 0 })
	if i < 0 {
		return fmt.Sprintf("the cluster is %q", h.Get("x-cluster"))
	}
	if f.Clusters[i].Why != "" {
		if got.status != 503 {
			return fmt.Sprintf("the status is %d, not 503", got.status)
		}
		return ""
	}
	at := h.Get(harness.EndpointHeader)
	if _, err := url.ParseRequestURI(f.Path); err != nil && got.status == 400 {
		return "" // a path that the backend's parser does not take
	}
	switch {
	case got.status != 200:
		return fmt.Sprintf("the status is %d", got.status)
	case !slices.ContainsFunc(f.Clusters[i].Endpoints, func(e traffic.Endpoint) bool { return e.Address == at }):
		return fmt.Sprintf("the endpoint is %s", at)
	case h.Get("X-Got-Path") != f.Path:
		return fmt.Sprintf("the backend gets the path %s, not %s", h.Get("X-Got-Path"), f.Path)
	case h.Get("X-Got-Host") != f.Authority:
		return fmt.Sprintf("the backend gets the host %s, not %s", h.Get("X-Got-Host"), f.Authority)
	}
	return ""
}

func describe(q traffic.Request) string {
	return fmt.Sprintf("%s %s://%s%s at port %d (%s)", q.Method, q.Scheme, q.Authority, q.Path, q.Port, q.Protocol)
}

func outcomes(e *traffic.Explanation) string {
	var b strings.Builder
	for _, o := range e.Outcomes {
		fmt.Fprintf(&b, "%g %s %d %s route %d %s; ", o.Share, o.Kind, o.Status, o.Location, o.Route, o.Why)
		if o.Forward != nil {
			for _, c := range o.Forward.Clusters {
				fmt.Fprintf(&b, "%s %g %s, ", c.Name, c.Share, c.Why)
			}
		}
	}
	for _, r := range e.Routes {
		fmt.Fprintf(&b, "\n  route %d: %s: %t %q", r.Index, r.Match, r.Matched, r.Misses)
	}
	if e.Host != nil {
		fmt.Fprintf(&b, "\n(virtual host %s of %s)", e.Host.Name, e.Host.Table)
	}
	return b.String()
}

// rawClients sends requests byte for byte over connections that are kept.
type rawClients struct {
	http1 map[place]*rawConn
	http2 map[place]*http.Transport
}

type place struct{ address, scheme, serverName string }

type rawConn struct {
	net.Conn
	r *bufio.Reader
}

func placeOf(q traffic.Request) place {
	return place{net.JoinHostPort(q.Address, strconv.Itoa(int(q.Port))), q.Scheme, q.ServerName}
}

// send sends a request. A connection that Envoy has closed meanwhile is made anew, once.
func (c *rawClients) send(q traffic.Request) (*answer, error) {
	if q.Protocol == traffic.HTTP2 {
		return c.sendHTTP2(q)
	}
	for {
		p := placeOf(q)
		conn, kept := c.http1[p], true
		if conn == nil {
			kept = false
			var err error
			if conn, err = dialRaw(p); err != nil {
				return nil, err
			}
		}
		delete(c.http1, p)
		got, again, err := conn.do(q)
		if err != nil {
			_ = conn.Close()
			if kept {
				continue
			}
			return nil, err
		}
		if !again {
			_ = conn.Close()
		} else {
			if c.http1 == nil {
				c.http1 = map[place]*rawConn{}
			}
			c.http1[p] = conn
		}
		return got, nil
	}
}

func dialRaw(p place) (*rawConn, error) {
	conn, err := net.DialTimeout("tcp", p.address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	if p.scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: p.serverName, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err := secure.Handshake(); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn = secure
	}
	return &rawConn{conn, bufio.NewReader(conn)}, nil
}

// do sends one request, and says whether the connection can be used again.
func (c *rawConn) do(q traffic.Request) (*answer, bool, error) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", q.Method, q.Path)
	if q.Authority != "" {
		fmt.Fprintf(&b, "Host: %s\r\n", q.Authority)
	}
	for _, h := range q.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	b.WriteString("\r\n")
	if _, err := c.Write(b.Bytes()); err != nil {
		return nil, false, err
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: q.Method})
	if err != nil {
		return nil, false, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, false, err
	}
	return &answer{status: resp.StatusCode, headers: resp.Header}, !resp.Close, nil
}

// sendHTTP2 sends a request over HTTP/2; the path goes out as it is.
func (c *rawClients) sendHTTP2(q traffic.Request) (*answer, error) {
	p := placeOf(q)
	transport := c.http2[p]
	if transport == nil {
		transport = &http.Transport{
			Protocols: new(http.Protocols), DisableCompression: true,
			TLSClientConfig: &tls.Config{ServerName: q.ServerName, InsecureSkipVerify: true, NextProtos: []string{"h2"}},
		}
		transport.Protocols.SetHTTP2(q.Scheme == "https")
		transport.Protocols.SetUnencryptedHTTP2(q.Scheme == "http")
		if c.http2 == nil {
			c.http2 = map[place]*http.Transport{}
		}
		c.http2[p] = transport
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req := (&http.Request{Method: q.Method, Host: q.Authority, Header: http.Header{"User-Agent": nil},
		URL: &url.URL{Scheme: q.Scheme, Host: p.address, Opaque: "//" + q.Authority + q.Path}}).WithContext(ctx)
	for _, h := range q.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	resp, err := transport.RoundTrip(req) // a client would look at Location
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return &answer{status: resp.StatusCode, headers: resp.Header}, errors.Join(err, resp.Body.Close())
}

func (c *rawClients) close() {
	for _, conn := range c.http1 {
		_ = conn.Close()
	}
	for _, t := range c.http2 {
		t.CloseIdleConnections()
	}
}
