package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// refusedManifests pass every check but Envoy's own: two regular expressions are larger than its
// limit for programs.
const refusedManifests = `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gateway-cp
  listeners: [{name: http, port: 8080, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  hostnames: [a.com, b.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /a}}]
    backendRefs: [{name: web, port: 80}]
  - matches:
    - path: {type: PathPrefix, value: /b}
    - path: {type: RegularExpression, value: 'LARGE'}
    backendRefs: [{name: web, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: other}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches:
    - headers: [{name: x-a, type: RegularExpression, value: 'LARGE'}]
    backendRefs: [{name: web, port: 80}]
`

func manifests(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, text string) *world {
	t.Helper()
	w, err := loadWorld(worldOptions{}, []string{manifests(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Every refusal is put on the match that caused it, though Envoy's message names no route.
func TestEnvoyRefusalsAreTracedToTheirLines(t *testing.T) {
	large := strings.Repeat(`[\pL\pN]{1000}`, 4)
	w := mustLoad(t, strings.ReplaceAll(refusedManifests, "LARGE", large))
	for _, p := range w.Problems {
		t.Errorf("the manifests must pass without Envoy: %s", p)
	}
	found, err := checkWithEnvoy(t.Context(), anyEnvoy, traffic.Snapshot(w.translator), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	// The same match stands in the virtual hosts of both host names, and is told of once.
	for _, p := range placed(found, w.object) {
		if p.Reason != api.ReasonRefusedByEnvoy || !strings.Contains(p.Message, "RE2 program size") {
			t.Errorf("got %s", p)
		}
		got = append(got, p.Object.String()+" "+p.Path+strings.TrimPrefix(p.Position.String(), p.Position.File))
	}
	want := []string{"HTTPRoute default/web spec.rules[1].matches[1]:29:7", "HTTPRoute default/other spec.rules[0].matches[0]:39:7"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What the translator would never make is found, too: a cluster whose table size Envoy refuses,
// among others that are fine.
func TestEnvoyRefusalOfACluster(t *testing.T) {
	w := mustLoad(t, strings.ReplaceAll(refusedManifests, "LARGE", "/x"))
	snapshot := traffic.Snapshot(w.translator)
	of := traffic.Viewer{Fleet: "default"}
	pieces, err := traffic.Pieces(snapshot, of)
	if err != nil {
		t.Fatal(err)
	}
	web := api.Key{Kind: api.KindService, Namespace: "default", Name: "web"}
	broken := traffic.Piece{
		Key: resource.Key{Type: resource.Cluster, Name: "broken"}, Route: -1, From: []traffic.Origin{{Object: web, Path: "spec.ports[0]"}},
		Message: &clusterv3.Cluster{
			Name: "broken", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			LbPolicy: clusterv3.Cluster_MAGLEV,
			LbConfig: &clusterv3.Cluster_MaglevLbConfig_{MaglevLbConfig: &clusterv3.Cluster_MaglevLbConfig{TableSize: wrapperspb.UInt64(4)}},
		},
	}
	binary, err := envoybin.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	c := &envoyCheck{binary: binary, dir: t.TempDir()}
	found, err := c.refusals(t.Context(), append([]traffic.Piece{broken}, pieces...), of)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Object != web || found[0].Path != "spec.ports[0]" || !strings.Contains(found[0].Message, "cluster broken") {
		t.Errorf("got %v", found)
	}
}

// Something that is no Envoy, or none at all, is said, with exit code 3: it is no verdict.
func TestNoEnvoyToAsk(t *testing.T) {
	w := mustLoad(t, refusedManifests)
	snapshot := traffic.Snapshot(w.translator)
	for _, path := range []string{"/nonexistent/envoy", "/bin/false"} {
		t.Setenv(envoybin.Env, path)
		found, err := checkWithEnvoy(t.Context(), anyEnvoy, snapshot, nil)
		if codeOf(err) != exitCannot || len(found) > 0 {
			t.Errorf("$ENVOY %s: got %v, %v", path, found, err)
		}
		if found, err = checkWithEnvoy(t.Context(), path, snapshot, nil); codeOf(err) != exitCannot || len(found) > 0 {
			t.Errorf("--envoy=%s: got %v, %v", path, found, err)
		}
	}
}
