package rollout

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

func TestStoreKeepsStates(t *testing.T) {
	dir := t.TempDir()
	store, db := openStore(t, dir)
	st := State{Versions: []VersionState{
		{Name: "blue", Selector: map[string]string{"version": "blue"}, HeldUntil: epoch.Add(time.Nanosecond)},
		{Name: "green", Selector: map[string]string{"version": "green"}, Weight: 10000, Waiting: true, ReadySince: epoch},
	}}
	if err := store.Save(map[api.Key]*State{Key("shop", "web"): &st, Key("shop", "gone"): &st}, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.Save(map[api.Key]*State{Key("shop", "gone"): nil, Key("shop", "never"): nil}, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	store, _ = openStore(t, dir)
	got, err := store.Load()
	if want := (map[api.Key]State{Key("shop", "web"): st}); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
}

func TestStoreWritesOnlyWhatChanged(t *testing.T) {
	dir := t.TempDir()
	store, db := openStore(t, dir)
	st := State{Versions: []VersionState{{Name: "blue", Weight: 10000}}}
	save := func() {
		t.Helper()
		if err := store.Save(map[api.Key]*State{Key("shop", "web"): &st, Key("shop", "gone"): nil}, nil); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// Every write transaction has an ID of its own: see whether there was one.
	transaction := func() int {
		t.Helper()
		raw, err := bbolt.Open(dir+"/state.db", 0o600, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		tx, err := raw.Begin(false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		return tx.ID()
	}
	before := transaction()
	store, db = openStore(t, dir)
	if _, err := store.Load(); err != nil {
		t.Fatal(err)
	}
	save()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if after := transaction(); after != before {
		t.Errorf("transaction %d became %d though nothing changed", before, after)
	}
	store, db = openStore(t, dir)
	st.Versions[0].Name = "green"
	save()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if after := transaction(); after == before {
		t.Error("the change was not written")
	}
}

func TestStoreRefusesWhatItCannotRead(t *testing.T) {
	for key, value := range map[string]string{"shop/web": "{half", "web": "{}"} {
		store, db := openStore(t, t.TempDir())
		if err := db.Write(state.Rollouts, map[string][]byte{key: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		if _, err := NewManager(store); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error is %v and should name the key", key, err)
		}
	}
}
