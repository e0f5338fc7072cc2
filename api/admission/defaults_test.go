package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The defaults of kinds that are built into Kubernetes; those of all others are compared
// with their CRDs by tools/crdtest.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ name, given, want string }{
		{"Service", `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}, {name: x, port: 81, protocol: UDP, targetPort: http}]}`, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: ClusterIP
  sessionAffinity: None
  internalTrafficPolicy: Cluster
  ports: [{port: 80, protocol: TCP, targetPort: 80}, {name: x, port: 81, protocol: UDP, targetPort: http}]`},
		{"LoadBalancer with affinity", `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec: {type: LoadBalancer, sessionAffinity: ClientIP, ports: [{port: 80}]}`, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec:
  type: LoadBalancer
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}
  internalTrafficPolicy: Cluster
  externalTrafficPolicy: Cluster
  ports: [{port: 80, protocol: TCP, targetPort: 80}]`},
		{"EndpointSlice", `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web}
addressType: IPv4
endpoints: null
ports: [{port: 80}]`, `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, namespace: default}
addressType: IPv4
endpoints: null
ports: [{name: "", protocol: TCP, port: 80}]`},
		{"Pod", `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: a, ports: [{containerPort: 80}], readinessProbe: {httpGet: {port: 80}}, livenessProbe: {grpc: {port: 80}}}]}
status: {podIP: 10.0.0.1}`, `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers:
  - name: a
    ports: [{containerPort: 80, protocol: TCP}]
    readinessProbe: {httpGet: {port: 80, path: /, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}
    livenessProbe: {grpc: {port: 80, service: ""}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}]}`},
		{"Namespace", "{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: b}}", "{apiVersion: v1, kind: Namespace, metadata: {name: a}}"},
		{"older version", `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: GatewayClass
metadata: {name: a}
spec: {controllerName: a.b/c}`, `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: a}
spec: {controllerName: a.b/c}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decode(t, []byte(c.given))
			Admit(got)
			want := decode(t, []byte(c.want))
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(- want, + got)\n%s", d)
			}
		})
	}
}
