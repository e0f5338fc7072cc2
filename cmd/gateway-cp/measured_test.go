package main

import (
	"testing"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/xds"
)

// A share that chance does not explain is told; one that it does, one that is beside the point, and one
// that is split by users are not.
func TestDeviation(t *testing.T) {
	for _, test := range []struct {
		name       string
		v1, v2     xds.Measured
		rescue     uint64 // answered by the stable version in place of v2
		match      bool
		stickiness *v1alpha1.Stickiness
		want       string
	}{
		{name: "as asked", v1: answered(9500), v2: answered(500)},
		{name: "chance", v1: answered(960), v2: answered(40)},
		{name: "less", v1: answered(9800), v2: answered(200), want: "v1 gets 98 % of the requests, and 95 % are asked; v2 gets 2 % of the requests, and 5 % are asked"},
		{name: "unreached", v1: answered(9500), v2: xds.Measured{Load: xds.Load{Issued: 200, Success: 200}, Unreached: 300}},
		{name: "refused", v1: answered(9500), v2: xds.Measured{Load: xds.Load{Error: 500}}},
		{name: "users", v1: answered(9800), v2: answered(200), stickiness: &v1alpha1.Stickiness{Header: "x-user"}},
		{name: "testers", v1: answered(8000), v2: answered(2000), match: true},
		{name: "large, and small by points", v1: answered(950_500_000), v2: answered(49_500_000)},
		{name: "rescued", v1: answered(9500), v2: xds.Measured{Load: xds.Load{Issued: 100, Error: 100}}, rescue: 500},
		{name: "nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &v1alpha1.Rollout{Spec: v1alpha1.RolloutSpec{Stickiness: test.stickiness}}
			m := measure{clusters: [][]string{{"v1"}, {"v2"}}, rescue: [][]string{nil, {"rescue"}}, versions: []v1alpha1.VersionStatus{{Name: "v1", Weight: 9500}, {Name: "v2", Weight: 500}}}
			if test.match {
				m.versions[1].Match = []v1alpha1.RequestMatch{{Hosts: []string{"a"}}}
			}
			d.Status.Versions = m.versions
			counts := map[string]xds.Measured{"v1": test.v1, "v2": test.v2, "rescue": answered(test.rescue)}
			shares := m.shares(&rollouts{measured: func(cluster string) xds.Measured { return counts[cluster] }})
			if got := deviation(d, shares); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	if got := measuredText(admin.RolloutVersion{Measured: &admin.MeasuredShare{Percent: 5.01234, Requests: 12400, Unreached: 3}}); got != "measured 5.012 % of 12400, 3 met no healthy endpoint" {
		t.Error(got)
	}
}

func answered(n uint64) xds.Measured { return xds.Measured{Load: xds.Load{Issued: n, Success: n}} }
