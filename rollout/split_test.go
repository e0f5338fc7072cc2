package rollout

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func TestApportion(t *testing.T) {
	for _, c := range []struct {
		total  int32
		shares []int64
		want   []int32
	}{
		{10000, []int64{1, 1, 1}, []int32{3334, 3333, 3333}},
		{10000, []int64{0, 1, 0}, []int32{0, 10000, 0}},
		{1, []int64{1, 2, 2}, []int32{0, 1, 0}},
		{10000, []int64{0, 0}, []int32{0, 0}},
		{10000, nil, []int32{}},
		{0, []int64{1}, []int32{0}},
	} {
		if got := apportion(c.total, c.shares); !slices.Equal(got, c.want) {
			t.Errorf("%d by %v: %v, want %v", c.total, c.shares, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int32Range(0, 10000).Draw(t, "total")
		shares := rapid.SliceOfN(rapid.Int64Range(0, 1<<31), 1, 20).Draw(t, "shares")
		var sum, parts int64
		for _, s := range shares {
			sum += s
		}
		for i, p := range apportion(total, shares) {
			parts += int64(p)
			if exact := float64(total) * float64(shares[i]) / float64(max(sum, 1)); float64(p) < exact-1 || float64(p) > exact+1 {
				t.Fatalf("part %d is %d and should be about %f", i, p, exact)
			}
			if shares[i] == 0 && p != 0 {
				t.Fatalf("part %d is %d without a share", i, p)
			}
		}
		if sum > 0 && parts != int64(total) {
			t.Fatalf("the parts sum to %d instead of %d", parts, total)
		}
	})
}

func TestStateThatIsUnsound(t *testing.T) {
	v := func(name string, w int32) VersionState {
		return VersionState{Name: name, Selector: map[string]string{"version": name}, Weight: w}
	}
	for name, c := range map[string]struct {
		state State
		want  string
	}{
		"weights that sum to something else are scaled": {State{Versions: []VersionState{v("blue", 1), v("green", 1)}}, "Stable: blue=50 green=50"},
		"negative counts as none":                       {State{Versions: []VersionState{v("blue", 3), v("green", -9)}}, "Waiting: blue=100 green=0"},
		"the same twice counts once":                    {State{Versions: []VersionState{v("blue", 5000), v("blue", 9), v("green", 5000)}}, "Stable: blue=50 green=50"},
		"no weight at all is a first deployment":        {State{Versions: []VersionState{v("red", 0)}}, "Stable: blue=50 green=50"},
		"large numbers":                                 {State{Versions: []VersionState{v("blue", 1<<31-1), v("green", 1<<31-1)}}, "Stable: blue=50 green=50"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, byHand("blue=50", "green=50"))
			s.state = c.state
			s.is(c.want)
		})
	}
}

func TestCandidatesAreWhatNextLooksAt(t *testing.T) {
	s := newStory(t, toActive("blue")).is("Stable: blue=100")
	got := Candidates(toActive("green", "red"), s.state)
	var names []string
	var sum int32
	for _, v := range got {
		names = append(names, v.Name)
		sum += v.Weight
	}
	if !slices.Equal(names, []string{"green", "red", "blue"}) || sum != v1alpha1.WeightTotal {
		t.Errorf("%+v", got)
	}
}
