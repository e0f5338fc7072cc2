package main

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/gateway-cp/gateway-cp/translator"
	"github.com/gateway-cp/gateway-cp/xds"
)

// A Gateway is programmed when Envoys have it; who has not is named, and holds nobody up for long.
func TestProgrammed(t *testing.T) {
	is := &gatewayv1.GatewayStatus{Conditions: []metav1.Condition{{Type: "Programmed", Status: "True", Reason: "Programmed"}}}
	p := programming{status: &translator.Status{Gateway: is, Fleet: "edge"}, number: 7, since: time.Now()}
	envoy := func(id string, applied uint64) xds.EnvoyStatus {
		return xds.EnvoyStatus{Node: xds.Node{ID: id, Fleet: "edge"}, Connected: true, Applied: applied}
	}
	for _, test := range []struct {
		name            string
		envoys          []xds.EnvoyStatus
		waited          time.Duration
		status, message string // empty: nothing is said
		final           bool
	}{
		{"nobody is there", nil, 0, "False", `no Envoy of the fleet "edge" is connected`, false},
		{"nobody for long", nil, time.Hour, "False", `no Envoy of the fleet "edge" is connected`, false},
		{"all have it", []xds.EnvoyStatus{envoy("a", 7), envoy("b", 8)}, 0, "True", "2 Envoys have acknowledged it", true},
		{"too early to say", []xds.EnvoyStatus{envoy("a", 7), envoy("b", 6)}, time.Millisecond, "", "", false},
		{"one takes its time", []xds.EnvoyStatus{envoy("a", 7), envoy("b", 6)}, 2 * time.Second, "False", "1 of 2 Envoys have acknowledged it; not yet: b", false},
		{"one is stuck", []xds.EnvoyStatus{envoy("a", 7), envoy("b", 6)}, time.Minute, "True", "1 of 2 Envoys have acknowledged it; not yet: b", false},
		{"all are stuck", []xds.EnvoyStatus{envoy("a", 6), envoy("b", 6), envoy("c", 6), envoy("d", 6)}, time.Minute, "False", "0 of 4 Envoys have acknowledged it; not yet: a, b, c and 1 more", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, final := p.verdict(test.envoys, p.since.Add(test.waited))
			if final != test.final || (c == nil) != (test.status == "") {
				t.Fatalf("got %+v, final %v", c, final)
			}
			if c != nil && (string(c.Status) != test.status || c.Message != test.message) {
				t.Errorf("got %s %q, want %s %q", c.Status, c.Message, test.status, test.message)
			}
		})
	}
	listeners := gatewayv1.GatewayStatus{Conditions: is.Conditions, Listeners: []gatewayv1.ListenerStatus{{Conditions: []metav1.Condition{{Type: "Programmed", Status: "True"}}}}}
	c, _ := p.verdict(nil, p.since)
	if out := withProgrammed(&listeners, *c); out.Listeners[0].Conditions[0].Status != "False" || out.Conditions[0].Reason != "Pending" || is.Conditions[0].Status != "True" {
		t.Errorf("got %+v", out)
	}
}
