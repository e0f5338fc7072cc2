package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/xds"
)

// manyRefused are refusals of which the last by name is the oldest.
func manyRefused(n int) (all []xds.Refusal) {
	for i := range n {
		all = append(all, xds.Refusal{
			Type: resource.Cluster, Name: fmt.Sprintf("c%03d", i), Message: "no", Since: time.Unix(1e9-int64(i), 0),
		})
	}
	return all
}

// However much an Envoy refuses, there are few problems, and they stay as it refuses more and less.
func TestAnEnvoyThatRefusesMuchMakesFewProblems(t *testing.T) {
	lines := func(refused []xds.Refusal) (all []string) {
		for _, p := range refusalProblems("gw-1", refused) {
			all = append(all, p.String())
		}
		return all
	}
	if got := lines(manyRefused(maxListedRefusals)); len(got) != maxListedRefusals {
		t.Errorf("%d refusals make %d problems", maxListedRefusals, len(got))
	}
	many := manyRefused(2000)
	got := lines(many)
	if len(got) != maxListedRefusals+1 || !strings.Contains(got[0], "cluster c1999 ") || !strings.Contains(got[maxListedRefusals], "more than these 20 resources") {
		t.Fatalf("it makes %d problems: %s", len(got), strings.Join(got, "\n"))
	}
	if fewer := lines(many[100:]); !slices.Equal(got, fewer) {
		t.Errorf("with 100 refusals less, the problems become other ones: %s", strings.Join(fewer, "\n"))
	}
	if fewer := lines(many[:1999]); fewer[0] != got[1] {
		t.Errorf("the oldest is solved, and the first is %s, want %s", fewer[0], got[1])
	}
}

// The lists for people say how many there are, rather than listing thousands; that of the one Envoy has all.
func TestListsOfAnEnvoyThatRefusesMuch(t *testing.T) {
	e := envoyStatus(xds.EnvoyStatus{Node: xds.Node{ID: "gw-1", Fleet: "default"}, Connected: true, Refused: manyRefused(2000)})
	var problems, fleet, envoy strings.Builder
	if err := writeProblems(&problems, admin.Status{Envoys: []admin.EnvoyStatus{e}}); err != nil {
		t.Fatal(err)
	}
	if err := writeTroubles(&fleet, e, "Envoy gw-1 "); err != nil {
		t.Fatal(err)
	}
	if err := writeLists(&envoy, e); err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{"problems": problems.String(), "fleet": fleet.String()} {
		if n := strings.Count(got, "Envoy gw-1 refuses cluster "); n != maxListedRefusals || !strings.Contains(got, "\nEnvoy gw-1 refuses 1980 more: ") {
			t.Errorf("%s lists %d:\n%s", what, n, got)
		}
	}
	if n := strings.Count(envoy.String(), ", refused since "); n != 2000 {
		t.Errorf("the list of the one Envoy has %d refusals", n)
	}
}
