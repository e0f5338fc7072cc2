package replica

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/state"
)

// Store keeps which part this replica has, and what it was told as a follower. It implements
// rollout.KeptStore. It is not safe for concurrent use.
type Store struct {
	db       *state.Store
	position Position // of what is handed to Save next
	saved    Position
}

// part is what is stored of the part that a replica has.
type part struct {
	Follows  bool     `json:"follows"`
	Position Position `json:"position"`
}

const partKey = "part"

// OpenStore makes a Store in an open state store. It knows the position of what is stored.
func OpenStore(db *state.Store) (*Store, error) {
	p, err := readPart(db)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, position: p.Position, saved: p.Position}, nil
}

func readPart(db *state.Store) (p part, err error) {
	_, err = db.Get(state.Replica, partKey, &p)
	return p, err
}

// Saved is the position of what is stored, zero when nothing is.
func (s *Store) Saved() Position { return s.saved }

// SetPosition says which position the next Save is for.
func (s *Store) SetPosition(p Position) { s.position = p }

// Follows says whether something has been taken over from a leader.
func (s *Store) Follows() (bool, error) {
	p, err := readPart(s.db)
	return p.Follows, err
}

// Load gives what was kept.
func (s *Store) Load() (map[api.Key]rollout.Kept, error) {
	all := map[api.Key]rollout.Kept{}
	err := s.db.Each(state.Followed, func(key string, value []byte) error {
		namespace, name, _ := strings.Cut(key, "/")
		var kept rollout.Kept
		if err := json.Unmarshal(value, &kept); err != nil {
			return fmt.Errorf("what was decided on Rollout %s: %w", key, err)
		}
		all[rollout.Key(namespace, name)] = kept
		return nil
	})
	return all, err
}

// Save keeps what a follower was told, with the position that it was told for.
func (s *Store) Save(kept map[api.Key]*rollout.Kept) error {
	values, err := encode(kept)
	if err != nil {
		return err
	}
	self, err := json.Marshal(part{Follows: true, Position: s.position})
	if err != nil {
		return err
	}
	err = s.db.WriteAll(map[state.Bucket]map[string][]byte{
		state.Followed: values, state.Replica: {partKey: self},
	})
	if err == nil {
		s.saved = s.position
	}
	return err
}

func encode[T any](values map[api.Key]*T) (map[string][]byte, error) {
	out := make(map[string][]byte, len(values))
	for k, v := range values {
		key := k.Namespace + "/" + k.Name
		out[key] = nil
		if v == nil {
			continue
		}
		data, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[key] = data
	}
	return out, nil
}

// Promote makes a leader of a replica that was a follower: what it was told becomes the state of
// its own Rollouts, and a new term begins. It says whether there was something to do. It is to be
// called before the states of Rollouts are read.
func Promote(db *state.Store) (promoted bool, err error) {
	p, err := readPart(db)
	if err != nil || !p.Follows {
		return false, err
	}
	kept, err := (&Store{db: db}).Load()
	if err != nil {
		return false, err
	}
	states := map[string][]byte{}
	err = db.Each(state.Rollouts, func(key string, _ []byte) error { states[key] = nil; return nil })
	if err != nil {
		return false, err
	}
	gone := map[string][]byte{}
	for k, v := range kept {
		key := k.Namespace + "/" + k.Name
		if states[key], err = json.Marshal(v.Decision.State); err != nil {
			return false, fmt.Errorf("state of %s: %w", k, err)
		}
		gone[key] = nil
	}
	self, err := json.Marshal(part{Position: Position{Lineage: newID(), Term: p.Position.Term + 1, Number: p.Position.Number}})
	if err != nil {
		return false, err
	}
	return true, db.WriteAll(map[state.Bucket]map[string][]byte{
		state.Rollouts: states, state.Followed: gone, state.Replica: {partKey: self},
	})
}

// lead gives the position of a leader, a new one at its very first start.
func lead(db *state.Store) (Position, error) {
	p, err := readPart(db)
	if err != nil || !p.Position.IsZero() {
		return p.Position, err
	}
	first := Position{Lineage: newID(), Term: 1}
	return first, db.Put(state.Replica, partKey, part{Position: first})
}

// advance stores the next position of a leader, if it is to be stored.
func advance(db *state.Store, p Position) (Position, error) {
	p.Number++
	if db == nil {
		return p, nil
	}
	if err := db.Put(state.Replica, partKey, part{Position: p}); err != nil {
		return p, fmt.Errorf("store the position of decisions: %w", err)
	}
	return p, nil
}

// newID is one that nobody else has.
func newID() string { return rand.Text() }
