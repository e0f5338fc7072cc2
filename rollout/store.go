package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

// Store keeps the states of Rollouts in the bucket state.Rollouts, by namespace/name. It is not
// safe for concurrent use.
type Store struct {
	db      *state.Store
	written map[string][]byte // what is on disk, so that only what changed is written
}

// NewStore makes a Store in an open state store.
func NewStore(db *state.Store) *Store { return &Store{db: db, written: map[string][]byte{}} }

// Load reads all states. One that cannot be read is an error, since going on without it would
// be a first deployment: all traffic would move at once.
func (s *Store) Load() (map[api.Key]State, error) {
	states := map[api.Key]State{}
	err := s.db.Each(state.Rollouts, func(key string, value []byte) error {
		namespace, name, ok := strings.Cut(key, "/")
		var st State
		if !ok {
			return fmt.Errorf("stored state of rollouts: the key %q is not namespace/name", key)
		}
		if err := json.Unmarshal(value, &st); err != nil {
			return fmt.Errorf("stored state of Rollout %s: %w (was it written by a newer version of gateway-cp? "+
				"use that version, or start with an empty state directory: every Rollout is then a first deployment)", key, err)
		}
		s.written[key] = value
		states[Key(namespace, name)] = st
		return nil
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

// Save writes states, nil deletes, and adds what has happened to their history, in one transaction.
// All is on disk when it returns without an error; nothing is written when nothing differs from
// what is there.
func (s *Store) Save(states map[api.Key]*State, news map[api.Key][]Record) error {
	changed := map[string][]byte{}
	for k, st := range states {
		key := k.Namespace + "/" + k.Name
		if st == nil {
			if s.written[key] != nil {
				changed[key] = nil
			}
			continue
		}
		data, err := json.Marshal(st)
		if err != nil {
			return fmt.Errorf("state of %s: %w", k, err)
		}
		if !bytes.Equal(data, s.written[key]) {
			changed[key] = data
		}
	}
	histories, err := s.histories(states, news)
	if err != nil {
		return err
	}
	if err := s.db.WriteAll(map[state.Bucket]map[string][]byte{state.Rollouts: changed, state.Histories: histories}); err != nil {
		return fmt.Errorf("store the state of rollouts: %w", err)
	}
	for key, data := range changed {
		if data == nil {
			delete(s.written, key)
		} else {
			s.written[key] = data
		}
	}
	return nil
}

// Key is the key of a Rollout.
func Key(namespace, name string) api.Key {
	return api.Key{Kind: api.KindRollout, Namespace: namespace, Name: name}
}
