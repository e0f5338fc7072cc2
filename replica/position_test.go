package replica

import (
	"strings"
	"testing"
)

func TestPositionsNeverGoBack(t *testing.T) {
	at := Position{"a", 2, 7}
	for _, c := range []struct {
		name   string
		leader Position
		why    string // empty: it is followed
	}{
		{"the same", Position{"a", 2, 7}, ""},
		{"newer", Position{"a", 2, 9}, ""},
		{"another replica was made the leader", Position{"b", 3, 1}, ""},
		{"an old state directory", Position{"a", 2, 6}, "an old one"},
		{"a former leader comes back", Position{"a", 1, 90}, "another replica was made the leader"},
		{"two were made leaders", Position{"b", 2, 9}, "another history"},
		{"an empty state directory", Position{"c", 1, 0}, "another replica was made the leader"},
	} {
		err := at.Follows(c.leader)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", c.name, err, c.why)
		}
	}
	if err := (Position{}).Follows(Position{"a", 1, 0}); err != nil {
		t.Errorf("the first leader is refused: %v", err)
	}
}
