package replica

import (
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/state"
)

func openState(t *testing.T, dir string) *state.Store {
	t.Helper()
	db, err := state.Open(dir, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A follower that is started as a leader goes on with what it was told, and nothing of an earlier
// life as a leader is left.
func TestPromote(t *testing.T) {
	db := openState(t, t.TempDir())
	if err := rollout.NewStore(db).Save(map[api.Key]*rollout.State{
		rollout.Key("shop", "old"): {Versions: []rollout.VersionState{{Name: "v1", Weight: 10000}}},
		rollout.Key("shop", "web"): {Versions: []rollout.VersionState{{Name: "blue", Weight: 10000}}},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if promoted, err := Promote(db); promoted || err != nil {
		t.Fatal("it was no follower", promoted, err)
	}
	s, err := OpenStore(db)
	if err != nil {
		t.Fatal(err)
	}
	s.SetPosition(Position{"a", 3, 9})
	key := rollout.Key("shop", "web")
	if err := s.Save(map[api.Key]*rollout.Kept{key: {Decision: rollout.Decision{
		Namespace: "shop", Name: "web", State: rollout.State{Versions: []rollout.VersionState{{Name: "green", Weight: 10000}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	promoted, err := Promote(db)
	if !promoted || err != nil {
		t.Fatal(promoted, err)
	}
	states, err := rollout.NewStore(db).Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(states) != 1 || states[key].Versions[0].Name != "green" {
		t.Errorf("states: %v", states)
	}
	p, err := lead(db)
	if err != nil || p.Term != 4 || p.Lineage == "a" || p.Number != 9 {
		t.Errorf("position: %+v, %v", p, err)
	}
	if promoted, err := Promote(db); promoted || err != nil {
		t.Error("promoted twice", promoted, err)
	}
	if kept, err := s.Load(); len(kept) > 0 || err != nil {
		t.Errorf("still kept: %v, %v", kept, err)
	}
}

func TestIdentity(t *testing.T) {
	for _, bad := range []string{"", "spiffe://", "http://x", "a b", "x[a]"} {
		if _, err := ParseIdentity(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{DefaultIdentity, "spiffe://example.org/gateway-cp/replica/a", true},
		{DefaultIdentity, "spiffe://example.org/gateway-cp/fleet/default/node/a", false},
		{DefaultIdentity, "spiffe://example.org/gateway-cp/replica/a/b", false},
		{"*.replicas.example.com", "a.replicas.example.com", true},
		{"*.replicas.example.com", "A.Replicas.Example.com", true},
		{"*.replicas.example.com", "a.b.replicas.example.com", false},
		{"*.replicas.example.com", "a.envoys.example.com", false},
	} {
		i, err := ParseIdentity(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Check(certificateFor(t, c.name)) == nil; got != c.want {
			t.Errorf("%s, %s: %v", c.pattern, c.name, got)
		}
	}
}
