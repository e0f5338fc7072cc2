package translator

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Clusters drain for as long as their Fleet says; 30 s where none does.
func TestClustersDrainAsTheFleetSays(t *testing.T) {
	const service = `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}`
	const fleet = `{apiVersion: gateway-cp.io/v1alpha1, kind: Fleet, metadata: {name: default}, spec: {drainTime: 7s}}`
	tr := New()
	drains := func(set resource.ChangeSet, want time.Duration) {
		t.Helper()
		for _, e := range set.Entries {
			if e.Key.Type == resource.Cluster && e.Output.Drain == want {
				return
			}
		}
		t.Errorf("no cluster drains for %s: %v", want, set)
	}
	drains(tr.Apply(manifests(t, []byte(service))), 30*time.Second)
	drains(tr.Apply(manifests(t, []byte(fleet))), 7*time.Second)
}
