package nearest

import "testing"

func TestName(t *testing.T) {
	names := []string{"containers", "initContainers", "port", "ip", "to"}
	for word, want := range map[string]string{
		"contaners":  "containers",
		"Containers": "containers",
		"prot":       "port",
		"ap":         "ip",
		"xy":         "", // every short word is near every other
		"replicas":   "",
	} {
		if got := Name(word, names); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func TestDistanceCountsASwapAsOne(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"prot", "port", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
