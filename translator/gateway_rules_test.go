package translator

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "a.example.com", true},
		{"", "*.example.com", true},
		{"", "", true},
		{"a.example.com", "a.example.com", true},
		{"a.example.com", "b.example.com", false},
		{"a.example.com", "*.example.com", false},
		{"a.example.com", "", false},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "*.b.example.com", true},
		{"*.example.com", "*.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "aexample.com", false},
		{"*.example.com", "*.com", false},
		{"*.example.com", "", false},
	} {
		if got := covers(c.pattern, c.name); got != c.want {
			t.Errorf("covers(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestEffectiveHostnames(t *testing.T) {
	for _, c := range []struct{ listener, route, want string }{
		{"", "", ""},
		{"a.example.com", "", "a.example.com"},
		{"", "a.example.com *.example.org", "a.example.com *.example.org"},
		{"*.example.com", "a.example.com b.example.org a.b.example.com", "a.example.com a.b.example.com"},
		{"a.example.com", "*.example.com *.com b.example.com", "a.example.com"},
		{"*.b.example.com", "*.example.com", "*.b.example.com"},
	} {
		if got := strings.Join(effective(c.listener, strings.Fields(c.route)), " "); got != c.want {
			t.Errorf("effective(%q, %q) = %q, want %q", c.listener, c.route, got, c.want)
		}
	}
}

// covering gives just the hostnames that cover one, from specific to general.
func TestCovering(t *testing.T) {
	got := covering("a.b.c")
	if want := []string{"a.b.c", "*.b.c", "*.c", ""}; !slices.Equal(got, want) {
		t.Errorf("covering(a.b.c) = %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SampledFrom([]string{"a", "b"})
		name := func() string {
			n := strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "labels"), ".")
			if maybe(t, "wildcard") {
				n = "*." + n
			}
			return n
		}
		a, b := name(), name()
		all := covering(a)
		if covers(b, a) != slices.Contains(all, b) {
			t.Fatalf("covers(%q, %q) is %v, covering(%q) is %q", b, a, covers(b, a), a, all)
		}
		if !slices.IsSortedFunc(all, func(x, y string) int { return specificity(y) - specificity(x) }) {
			t.Fatalf("covering(%q) = %q is not from specific to general", a, all)
		}
	})
}

// The table in the documentation of HTTPPathModifier.ReplacePrefixMatch.
func TestReplacePrefix(t *testing.T) {
	for _, c := range []struct{ path, match, replace, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz/", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo/", "/foo", "/", "/"},
		{"/foo", "/foo", "/", "/"},
		{"/bar", "/", "/xyz", "/xyz/bar"},
		{"/", "/", "/xyz", "/xyz/"},
		{"/bar", "/", "/", "/bar"},
		{"/f.o/bar", "/f.o", "", "/bar"},
	} {
		m := &gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{Value: &c.match}}
		prefix, regex, ok := replacePrefix(m, c.replace)
		got := c.path
		switch { // as Envoy does it
		case prefix != "":
			_, matched := matchPath(m)
			got = prefix + strings.TrimPrefix(c.path, matched)
		case regex != nil:
			got = regexp.MustCompile(regex.Pattern.Regex).ReplaceAllString(c.path, regex.Substitution)
		}
		if !ok || got != c.want {
			t.Errorf("%s with %s replaced by %q: %q, want %q", c.path, c.match, c.replace, got, c.want)
		}
	}
	exact := gatewayv1.PathMatchExact
	if _, _, ok := replacePrefix(&gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{Type: &exact}}, "/"); ok {
		t.Error("an exact path has no prefix to replace")
	}
}

// Whatever the weights: Envoy's sum stays within 32 bits and is the same for every state of a
// rollout; shares are exact to 0.01 %; and the share that is answered 500 does not skew the rest.
func TestWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b target
		total := uint64(0)
		for range rapid.IntRange(1, 16).Draw(t, "backends") {
			w := uint64(rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 1_000_000)).Draw(t, "weight"))
			first := uint32(rapid.IntRange(0, 10000).Draw(t, "first version"))
			b.backends = append(b.backends, backend{weight: w, shares: []share{{cluster: "a", weight: first}, {cluster: "b", weight: 10000 - first}}})
			total += w
		}
		sum := func() (sum uint64) {
			for _, w := range b.weighted() {
				sum += uint64(w.Weight.Value)
			}
			return sum
		}
		before := sum()
		checkShares(t, &b, b.weighted(), total)
		b.backends[0].shares = []share{{cluster: "a", weight: 10000}}
		if after := sum(); after != before || after > math.MaxUint32 {
			t.Fatalf("the sum was %d and is %d", before, after)
		}
		b.invalid = 1
		action := &routev3.RouteAction{}
		b.route(action)
		clusters := action.GetWeightedClusters().GetClusters()
		if clusters == nil {
			return
		}
		checkShares(t, &b, clusters, total)
		sum2 := uint64(0)
		for _, w := range clusters {
			sum2 += uint64(w.Weight.Value)
		}
		if sum2 > math.MaxUint32 || sum2%2 == 0 || sum2%5 == 0 {
			t.Fatalf("the sum %d is too large or not coprime to %d", sum2, failureDenominator)
		}
	})
}

// checkShares compares the share of each backend with what was asked for.
func checkShares(t *rapid.T, b *target, clusters []*routev3.WeightedCluster_ClusterWeight, total uint64) {
	sum := 0.0
	for _, w := range clusters {
		sum += float64(w.Weight.Value)
	}
	i := 0
	for _, backend := range b.backends {
		got := 0.0
		for _, s := range backend.shares {
			if s.weight > 0 {
				got += float64(clusters[i].Weight.Value)
				i++
			}
		}
		if want := float64(backend.weight) / float64(total); math.Abs(got/sum-want) > 1e-4 {
			t.Fatalf("a backend gets %v, want %v", got/sum, want)
		}
	}
}
