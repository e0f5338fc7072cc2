package kube

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source"
	"github.com/gateway-cp/gateway-cp/test/apiserver"
)

// TestSource is one story against a real API server, which takes seconds to start.
func TestSource(t *testing.T) {
	server := apiserver.Start(t, apiserver.Options{})
	within(t, "what an API server makes by itself", func() bool {
		_, err := server.Get("v1", "Service", "default", "kubernetes")
		_, noNamespace := server.Get("v1", "Namespace", "", "kube-system")
		return err == nil && noNamespace == nil
	})
	network := newLink(t, strings.TrimPrefix(server.URL, "https://"))
	config := server.Config(apiserver.Admin)
	config.Host = "https://" + network.address
	r := run(t, Options{Config: config})
	for _, step := range []struct {
		name string
		run  func(*testing.T, *apiserver.Server, *link, *receiver)
	}{
		{"everything at first, without CRDs", testFirst},
		{"CRDs that are installed later", testCRDs},
		{"one change is one batch", testChange},
		{"what nobody reads is no change", testNoChange},
		{"the last good version stays", testLastGood},
		{"a server that is away, and what happened meanwhile", testOutage},
		{"the loss of most is held", testHold},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, server, network, r) }) {
			return
		}
	}
}

func testFirst(t *testing.T, s *apiserver.Server, _ *link, r *receiver) {
	r.await(t, "the Service of the API server", func(v view) bool {
		return v.objects["Service default/kubernetes"] != nil && v.objects["Namespace kube-system"] != nil
	})
	v := r.view()
	if v.batches != 1 {
		t.Errorf("%d batches, want one with everything", v.batches)
	}
	for _, kind := range []string{"Fleet", "Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant", "Rollout", "Workload"} {
		if !v.says(api.ReasonKindNotInstalled, "kind "+kind+" of ") {
			t.Errorf("nothing says that there is no kind %s: %v", kind, v.problems)
		}
	}
}

func testCRDs(t *testing.T, s *apiserver.Server, _ *link, r *receiver) {
	ours, err := apiserver.OurCRDs()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := apiserver.GatewayCRDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(ours, theirs...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(string(text))
	}
	s.Apply(gateway + "\n---\n" + fleet)
	r.await(t, "a Gateway and a Fleet", func(v view) bool {
		return v.objects["Gateway default/edge"] != nil && v.objects["Fleet default"] != nil
	})
	r.await(t, "nothing is missing", func(v view) bool { return len(v.problems) == 0 })
}

func testChange(t *testing.T, s *apiserver.Server, _ *link, r *receiver) {
	before := r.view().batches
	s.Apply(slice("web", "10.77.0.1"))
	v := r.await(t, "an EndpointSlice", func(v view) bool { return v.objects["EndpointSlice default/web"] != nil })
	s.Apply(pod)
	r.await(t, "a Pod that is ready", func(v view) bool {
		o := v.objects["Pod default/web-1"]
		return o != nil && len(o.Value.(*corev1.Pod).Status.Conditions) > 0
	})
	if p := r.view().objects["Pod default/web-1"].Value.(*corev1.Pod); p.Spec.Containers[0].Image != "" || p.ManagedFields != nil || p.ResourceVersion != "" {
		t.Errorf("what nobody reads is kept: %+v", p)
	}
	if v.batches != before+1 {
		t.Errorf("%d batches for one change", v.batches-before)
	}
	s.Apply(strings.Replace(secret, "TYPE", "Opaque", 1))
	s.Apply(service("last"))
	r.await(t, "a Service that was written after a Secret of another type", func(v view) bool { return v.objects["Service default/last"] != nil })
	if r.view().objects["Secret default/other"] != nil {
		t.Error("a Secret that is no certificate was read")
	}
	s.Delete(slice("web", "10.77.0.1"))
	r.await(t, "no EndpointSlice", func(v view) bool { return v.objects["EndpointSlice default/web"] == nil })
}

func testNoChange(t *testing.T, s *apiserver.Server, _ *link, r *receiver) {
	before := r.view().batches
	s.Apply(gateway + "\nstatus: {addresses: [{type: IPAddress, value: 10.77.0.9}]}\n")
	s.Apply(strings.Replace(pod, "reason: a", "reason: b", 1))
	s.Apply(service("mark"))
	r.await(t, "a Service that was written last", func(v view) bool { return v.objects["Service default/mark"] != nil })
	if n := r.view().batches - before; n != 1 {
		t.Errorf("%d batches, want only that of the Service", n)
	}
}

func testLastGood(t *testing.T, s *apiserver.Server, _ *link, r *receiver) {
	s.Apply(route("/a"))
	good := r.await(t, "a route", func(v view) bool { return v.objects["HTTPRoute default/web"] != nil }).objects["HTTPRoute default/web"]
	s.Apply(route("("))
	v := r.await(t, "a problem", func(v view) bool { return v.says(api.ReasonInvalidRegex, "") })
	if !v.says(api.ReasonLastGoodInEffect, "") || v.objects["HTTPRoute default/web"] != good || !v.partly {
		t.Errorf("the last good version is not in effect, or nothing says so: %v", v.problems)
	}
	s.Apply(route("/b"))
	r.await(t, "the new version", func(v view) bool { return len(v.problems) == 0 && v.objects["HTTPRoute default/web"] != good })
}

// A server that was restarted has no events of before: watches cannot go on, as after a compaction, and
// everything is read anew.
func testOutage(t *testing.T, s *apiserver.Server, l *link, r *receiver) {
	s.Apply(service("after"))
	before := r.await(t, "a Service", func(v view) bool { return v.objects["Service default/after"] != nil })
	l.cut()
	s.Delete(service("after"))
	s.Delete(service("mark"))
	s.Apply(service("mark") + "\n---\n" + service("during"))
	s.Kill()
	s.Restart()
	v := r.await(t, "somebody says that the server is away", func(v view) bool { return v.says(api.ReasonSourceUnavailable, "connection refused") })
	if len(v.problems) != 1 || !maps.Equal(v.objects, before.objects) {
		t.Errorf("one cause is %d problems, or what was read is gone: %v", len(v.problems), v.problems)
	}
	l.mend(t)
	r.await(t, "what has changed meanwhile", func(v view) bool {
		return v.objects["Service default/after"] == nil && v.objects["Service default/during"] != nil && v.objects["Service default/mark"] != nil
	})
	v = r.await(t, "nothing is wrong any more", func(v view) bool { return len(v.problems) == 0 })
	if v.objects["Gateway default/edge"] != before.objects["Gateway default/edge"] {
		t.Error("what is as before was sent again")
	}
}

func testHold(t *testing.T, s *apiserver.Server, l *link, r *receiver) {
	many := make([]string, 12)
	for i := range many {
		many[i] = service(fmt.Sprintf("many-%d", i))
	}
	s.Apply(strings.Join(many, "\n---\n"))
	r.await(t, "many Services", func(v view) bool { return v.objects["Service default/many-11"] != nil })
	l.cut()
	s.Delete(strings.Join(append(many, gateway, route("/b"), service("last"), service("mark")), "\n---\n"))
	s.Kill()
	s.Restart()
	l.mend(t)
	v := r.await(t, "the loss is held", func(v view) bool { return v.says(api.ReasonSourceHeld, "") })
	if h, held := r.source.Held(); !held || h.Missing != 16 || v.objects["Service default/many-3"] == nil {
		t.Errorf("held: %+v, %v; the Services are there: %v", h, held, v.objects["Service default/many-3"] != nil)
	}
	s.Apply(service("many-3"))
	s.Apply(service("new"))
	r.await(t, "a new Service while the loss is held", func(v view) bool { return v.objects["Service default/new"] != nil })
	if !r.source.Confirm() {
		t.Error("there is nothing to confirm")
	}
	v = r.await(t, "what is missing goes", func(v view) bool { return v.objects["Service default/many-4"] == nil })
	if v.objects["Service default/many-3"] == nil || v.objects["Service default/new"] == nil {
		t.Error("what is there has gone, too")
	}
	if _, held := r.source.Held(); held || r.source.Confirm() {
		t.Error("something is held still")
	}
}

// Namespaces bound what is read; who may not read is told so, and waits.
func TestScope(t *testing.T) {
	server := apiserver.Start(t, apiserver.Options{Users: map[string]string{"nobody": "nobody"}})
	server.Apply("{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: b}}")
	for _, namespace := range []string{"a", "b"} {
		server.Apply(strings.Replace(service("web"), "name: web", "name: web, namespace: "+namespace, 1))
	}
	r := run(t, Options{Config: server.Config(apiserver.Admin), Namespaces: []string{"a"}})
	v := r.await(t, "a first batch", func(v view) bool { return v.batches > 0 })
	if v.objects["Service a/web"] == nil || v.objects["Namespace b"] == nil || v.objects["Service b/web"] != nil || v.objects["Service default/kubernetes"] != nil {
		t.Errorf("read: %v", slices.Sorted(maps.Keys(v.objects)))
	}
	log := &lines{}
	r = run(t, Options{Config: server.Config("nobody"), Log: slog.New(slog.NewTextHandler(log, nil))})
	want := `services have not been read from the API server yet: services is forbidden: User "nobody" cannot `
	within(t, "somebody says what is forbidden", func() bool {
		return slices.ContainsFunc(r.source.Unread(), func(why string) bool { return strings.HasPrefix(why, want) })
	})
	within(t, "the log says so, too", func() bool {
		return strings.Contains(log.String(), "pods, referencegrants, rollouts, secrets, services")
	})
	if v := r.view(); v.batches > 0 {
		t.Errorf("half a world was sent: %v", v.objects)
	}
}

const (
	gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: gateway-cp, listeners: [{name: http, port: 80, protocol: HTTP}]}`
	fleet = `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec: {}`
	pod = `apiVersion: v1
kind: Pod
metadata: {name: web-1, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.77.0.1, podIPs: [{ip: 10.77.0.1}], conditions: [{type: Ready, status: "True", reason: a}]}`
	secret = `apiVersion: v1
kind: Secret
metadata: {name: other}
type: TYPE
data: {}`
)

func service(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: web}, ports: [{port: 80}]}", name)
}

func slice(name, address string) string {
	return fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [%q]}]`, name, address)
}

func route(regex string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: edge}], rules: [{matches: [{path: {type: RegularExpression, value: %q}}], backendRefs: [{name: web, port: 80}]}]}`, regex)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// view is what a source has sent.
type view struct {
	objects  map[string]*api.Object
	problems []api.Problem
	partly   bool
	batches  int
}

func (v view) says(reason api.Reason, part string) bool {
	return slices.ContainsFunc(v.problems, func(p api.Problem) bool { return p.Reason == reason && strings.Contains(p.Message, part) })
}

// receiver takes the batches of a source.
type receiver struct {
	source *Source
	mu     sync.Mutex
	now    view
}

func run(t *testing.T, o Options) *receiver {
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.delays = delays{lookAgain: 500 * time.Millisecond, failure: time.Second, judge: time.Second, tick: 100 * time.Millisecond}
	r := &receiver{source: s, now: view{objects: map[string]*api.Object{}}}
	ctx, stop := context.WithCancel(context.Background())
	batches, done := make(chan source.Batch), make(chan error, 1)
	go func() { done <- s.Run(ctx, batches); close(batches) }()
	go func() {
		for b := range batches {
			r.take(b)
		}
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the source has failed: %v", err)
		}
	})
	return r
}

func (r *receiver) take(b source.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.objects = maps.Clone(r.now.objects)
	for _, o := range b.Set {
		r.now.objects[o.Key.String()] = o
	}
	for _, k := range b.Delete {
		delete(r.now.objects, k.String())
	}
	r.now.problems, r.now.partly = b.Problems, b.Partly
	r.now.batches++
}

func (r *receiver) view() view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *receiver) await(t *testing.T, what string, is func(view) bool) (v view) {
	t.Helper()
	within(t, what, func() bool { v = r.view(); return is(v) })
	return v
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// link is the network between a source and the API server.
type link struct {
	address, to string
	mu          sync.Mutex
	listener    net.Listener // nil while it is cut
	ends        []net.Conn
}

func newLink(t *testing.T, to string) *link {
	l := &link{address: "127.0.0.1:0", to: to}
	l.mend(t)
	t.Cleanup(l.cut)
	return l
}

// carry carries bytes between a connection that came in and the server.
func (l *link) carry(in net.Conn) {
	out, err := net.Dial("tcp", l.to)
	if err != nil {
		_ = in.Close()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		_, _ = in.Close(), out.Close()
		return
	}
	l.ends = append(l.ends, in, out)
	for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = in.Close()
			_ = out.Close()
		}()
	}
}

// cut ends all connections, and refuses others.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
	}
	for _, end := range l.ends {
		_ = end.Close()
	}
	l.listener, l.ends = nil, nil
}

func (l *link) mend(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.listener, l.address = listener, listener.Addr().String()
	l.mu.Unlock()
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			l.carry(in)
		}
	}()
}
