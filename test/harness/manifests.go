package harness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Fleet is the manifest of the fleet "default", on the world's address.
func (e *Env) Fleet(serviceListenerPort int) string {
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec:
  addresses: [%q]
  serviceListener: {address: %q, port: %d}
  drainTime: 1s
---
`, e.IP, e.IP, serviceListenerPort)
}

// Gateway is the manifest of a class and a Gateway "gw" with one HTTP listener.
func Gateway(port int) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gateway-cp
  listeners: [{name: http, port: %d, protocol: HTTP}]
---
`, port)
}

// Route is the manifest of an HTTPRoute of the Gateway "gw" that sends everything for a host
// to a Service of the same name as the route.
func Route(name, host string, port int) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s}
spec:
  parentRefs: [{name: gw}]
  hostnames: [%q]
  rules: [{backendRefs: [{name: %s, port: %d}]}]
---
`, name, host, name, port)
}

// Service is the manifest of a Service that selects app=NAME, with the target port "http".
func Service(name string, port int) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {selector: {app: %s}, ports: [{port: %d, targetPort: http}]}
---
`, name, name, port)
}

// Workload is the manifest of one backend, with labels app and version.
func (b *Backend) Workload(app string) string {
	return b.workload(app, "")
}

// ProbedWorkload is a Workload that Envoy checks on /healthz.
func (b *Backend) ProbedWorkload(app string) string {
	return b.workload(app, "\n  readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1}")
}

func (b *Backend) workload(app, probe string) string {
	name := strings.NewReplacer(".", "-", ":", "-").Replace(fmt.Sprintf("%s-%s-%s", app, b.Version, b.Address))
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: %s, labels: {app: %s, version: %s}}
spec:
  addresses: [%q]
  ports: [{name: http, port: %d}]%s
---
`, name, app, b.Version, b.Address.Addr(), b.Address.Port(), probe)
}

// Workloads is the manifest of several backends.
func Workloads(app string, backends ...*Backend) string {
	var b strings.Builder
	for _, x := range backends {
		b.WriteString(x.Workload(app))
	}
	return b.String()
}

// Do sends one request of the stream, and gives the answer with its whole body.
func (s Stream) Do() (*http.Response, string, error) {
	client := s.Client()
	defer client.CloseIdleConnections()
	req, err := s.Request()
	if err != nil {
		return nil, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), errors.Join(err, resp.Body.Close())
}

// Answers is a check: a request is answered with 200 by the version.
func (s Stream) Answers(version string) func() error {
	return func() error {
		resp, body, err := s.Do()
		if err != nil {
			return err
		}
		if got := resp.Header.Get(VersionHeader); resp.StatusCode != http.StatusOK || got != version {
			return fmt.Errorf("%s %s: %s from version %q, want 200 from %q: %.200s", s.Host, s.URL, resp.Status, got, version, body)
		}
		return nil
	}
}
