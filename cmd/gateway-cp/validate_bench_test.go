package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkValidate checks 10,000 documents: Services with their Workloads, HTTPRoutes and
// Deployments, four in a file.
func BenchmarkValidate(b *testing.B) {
	dir := b.TempDir()
	gateway := `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec: {gatewayClassName: gateway-cp, listeners: [{name: http, protocol: HTTP, port: 80}]}
`
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write("gateway.yaml", gateway)
	for i := range 2500 {
		text := strings.ReplaceAll(fourDocuments, "NAME", fmt.Sprintf("web-%d", i))
		write(fmt.Sprintf("%d.yaml", i), strings.ReplaceAll(text, "ADDRESS", fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)))
	}
	b.ResetTimer()
	for b.Loop() {
		if code := execute([]string{"validate", dir}, io.Discard, io.Discard); code != exitOK {
			b.Fatalf("exit code %d", code)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/10_002, "µs/document")
}

const fourDocuments = `apiVersion: v1
kind: Service
metadata:
  name: NAME
  namespace: shop
spec:
  selector:
    app: NAME
  ports:
  - port: 80
    targetPort: 8080
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata:
  name: NAME
  namespace: shop
  labels:
    app: NAME
spec:
  addresses:
  - ADDRESS
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: NAME
  namespace: shop
spec:
  parentRefs:
  - name: public
  hostnames:
  - NAME.example.com
  rules:
  - backendRefs:
    - name: NAME
      port: 80
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: shop
spec:
  selector:
    matchLabels:
      app: NAME-worker
  template:
    metadata:
      labels:
        app: NAME-worker
    spec:
      containers:
      - name: web
        image: example.com/web:1
`
