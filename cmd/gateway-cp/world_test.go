package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/state"
	"github.com/gateway-cp/gateway-cp/traffic"
)

// halfDeployed asks for a version that has no endpoints yet.
const halfDeployed = `apiVersion: v1
kind: Service
metadata: {name: shop, namespace: web}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: blue, namespace: web, labels: {app: shop, version: blue}}
spec: {addresses: [127.0.0.1], ports: [{name: http, port: 9000}]}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: web}
spec:
  targetRef: {name: shop}
  versions: [{name: blue, selector: {version: blue}}, {name: green, selector: {version: green}}]
  blueGreen: {active: green}
`

// sharesOf gives the shares of the versions of shop.
func sharesOf(t *testing.T, w *world) map[string]float64 {
	t.Helper()
	q, err := traffic.NewRequest("http://shop.web:10080/")
	if err != nil {
		t.Fatal(err)
	}
	e, err := explainIn(traffic.Snapshot(w.translator), question{Request: q})
	if err != nil {
		t.Fatal(err)
	}
	shares := map[string]float64{}
	for _, c := range e.Outcomes[0].Forward.Clusters {
		shares[c.Version] = c.Share
	}
	return shares
}

// Without a state a Rollout is a first deployment; with one it goes on from there, through the
// same decisions as in the control plane. The state stays as it is.
func TestWorldContinuesRollouts(t *testing.T) {
	path := manifests(t, halfDeployed)
	first, err := loadWorld(worldOptions{}, []string{path})
	if err != nil {
		t.Fatal(err)
	}
	if got := sharesOf(t, first); got["green"] != 1 {
		t.Errorf("a first deployment: got %v, want all of it at green", got)
	}
	dir := t.TempDir()
	db, err := state.Open(dir, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	blue := rollout.State{Versions: []rollout.VersionState{{Name: "blue", Selector: map[string]string{"version": "blue"}, Weight: v1alpha1.WeightTotal}}}
	key := rollout.Key("web", "shop")
	if err := rollout.NewStore(db).Save(map[api.Key]*rollout.State{key: &blue}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := loadWorld(worldOptions{StateDir: dir}, []string{path}); codeOf(err) != exitCannot || !strings.Contains(hintOf(err), "--live") {
		t.Errorf("the state of one that runs: got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w, err := loadWorld(worldOptions{StateDir: dir}, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		if got := sharesOf(t, w); got["blue"] != 1 {
			t.Errorf("green has no endpoints: got %v, want all of it at blue", got)
		}
	}
}
