package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// newRouted starts an Envoy and waits until it has everything.
func newRouted(c crowd, way cut) (r *routed, err error) {
	r = &routed{cut: way, gateway: &gateway{crowd: c, translator: translator.New(), server: xds.NewServer(slog.New(slog.DiscardHandler))}}
	var closers []func()
	r.close = func() {
		for i := range closers {
			closers[len(closers)-1-i]()
		}
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	objects, stop, err := r.objects()
	if err != nil {
		return nil, err
	}
	closers = append(closers, stop)
	set, err := r.translated(objects...)
	if err != nil {
		return nil, err
	}
	r.server.Apply(set)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.wire = &counted{Listener: l}
	s := grpc.NewServer(r.server.Options()...)
	r.server.Register(s)
	go func() { _ = s.Serve(r.wire) }()
	closers = append(closers, s.Stop)
	began := time.Now()
	if r.envoy, err = startEnvoy(l.Addr().String()); err != nil {
		return nil, err
	}
	closers = append(closers, r.envoy.stop)
	if err := r.awaitSync(1); err != nil {
		return nil, err
	}
	r.synced = time.Since(began)
	return r, nil
}

// objects are the crowd, with a backend for each version of the Service whose route changes, and
// a fleet that says where to listen.
func (r *routed) objects() (all []api.Value, stop func(), err error) {
	if r.address, err = freeAddress(); err != nil {
		return nil, nil, err
	}
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return nil, nil, err
	}
	all = append(all, decoded(&v1alpha1.Fleet{}, fmt.Sprintf(`
apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec: {serviceListener: {address: 127.0.0.1, port: %s}}
`, port)), r.rollout(versionNames[0]))
	namespace, name := r.crowd.id(r.crowd.services / 2)
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	for _, version := range versionNames {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			stop()
			return nil, nil, err
		}
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(versionHeader, version)
			_, _ = w.Write([]byte("ok\n"))
		}), ReadHeaderTimeout: bound}
		servers = append(servers, s)
		go func() { _ = s.Serve(l) }()
		all = append(all, decoded(&v1alpha1.Workload{}, fmt.Sprintf(`
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {namespace: %s, name: %s, labels: {app: %s, version: %[2]s}}
spec: {addresses: [127.0.0.1], ports: [{name: http, port: %[4]d}]}
`, namespace, version, name, l.Addr().(*net.TCPAddr).Port)))
	}
	for i := range r.crowd.services {
		s := r.crowd.service(i)
		if i == r.crowd.services/2 {
			s.Spec.Ports[0].TargetPort = intstr.FromString("http")
		} else {
			all = append(all, r.crowd.slice(i, 0))
		}
		all = append(all, s)
	}
	return all, stop, nil
}

// slowService is a Service whose only endpoint is at an address that does not answer, with a
// probe that has the patience for it.
func slowService(address *net.TCPAddr) []api.Value {
	return []api.Value{
		decoded(&corev1.Service{}, `
apiVersion: v1
kind: Service
metadata: {namespace: slow, name: slow}
spec: {selector: {app: slow}, ports: [{port: 80, targetPort: http}]}
`),
		decoded(&v1alpha1.Workload{}, fmt.Sprintf(`
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {namespace: slow, name: slow, labels: {app: slow}}
spec:
  addresses: [%s]
  ports: [{name: http, port: %d}]
  readinessProbe: {httpGet: {path: /, port: http}, timeoutSeconds: 120, periodSeconds: 120}
`, address.IP, address.Port)),
	}
}

// counted counts what is sent over the connections that it accepts.
type counted struct {
	net.Listener
	sent atomic.Int64
}

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	return countedConn{conn, c}, err
}

type countedConn struct {
	net.Conn
	of *counted
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.of.sent.Add(int64(n))
	return n, err
}
