package files

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

// Keys of the bucket that are not those of objects; objects' have slashes.
const (
	keyDir  = "dir"  // the directory that the objects are from
	keyHold = "hold" // the number of objects counted before a loss that is held
)

// record is an object in the state store.
type record struct {
	File   string          `json:"file"`             // below the directory
	Rivals []string        `json:"rivals,omitempty"` // other files that have the object, too
	Line   int             `json:"line,omitempty"`
	Column int             `json:"column,omitempty"`
	Hash   uint64          `json:"hash,string"` // of Doc
	Doc    json.RawMessage `json:"doc"`         // as written, before defaults
}

func storeKey(key api.Key) string {
	return string(key.Kind) + "/" + key.Namespace + "/" + key.Name
}

func parseStoreKey(s string) (api.Key, bool) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return api.Key{}, false
	}
	return api.Key{Kind: api.Kind(parts[0]), Namespace: parts[1], Name: parts[2]}, true
}

// stored is what the last run left.
type stored struct {
	objects  map[api.Key]*live
	base     int
	obsolete []string // keys to delete
}

// loadStored reads the state store. Objects from another directory are not taken over: who
// points gateway-cp elsewhere means it.
func loadStored(store *state.Store, dir string) (*stored, error) {
	out := &stored{objects: make(map[api.Key]*live)}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var from string
	if _, err := store.Get(state.Objects, keyDir, &from); err != nil {
		return nil, fmt.Errorf("state store: %w", err)
	}
	if _, err := store.Get(state.Objects, keyHold, &out.base); err != nil {
		return nil, fmt.Errorf("state store: %w", err)
	}
	err = store.Each(state.Objects, func(k string, v []byte) error {
		key, ok := parseStoreKey(k)
		if !ok {
			return nil
		}
		var r record
		if from != abs || json.Unmarshal(v, &r) != nil {
			out.obsolete = append(out.obsolete, k)
			return nil
		}
		for i, rival := range r.Rivals {
			r.Rivals[i] = filepath.Join(dir, rival)
		}
		out.objects[key] = &live{file: filepath.Join(dir, r.File), rivals: r.Rivals, line: r.Line, column: r.Column, hash: r.Hash, stored: r.Doc}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("state store: %w", err)
	}
	return out, nil
}

// keeper writes to the state store behind the source's back, since the disk is slow.
// Writes are in order: what is written is always the newest version of everything.
type keeper struct {
	store *state.Store
	log   *slog.Logger
	dir   string
	wake  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	pending map[string]any // nil: to be deleted
	closing bool
}

func newKeeper(store *state.Store, log *slog.Logger, dir string) *keeper {
	k := &keeper{store: store, log: log, dir: dir, wake: make(chan struct{}, 1), done: make(chan struct{}), pending: make(map[string]any)}
	go k.run()
	return k
}

// put queues values; nil deletes.
func (k *keeper) put(values map[string]any) {
	if len(values) == 0 {
		return
	}
	k.mu.Lock()
	maps.Copy(k.pending, values)
	k.mu.Unlock()
	k.signal()
}

func (k *keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// close writes what is left and waits for it.
func (k *keeper) close() {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	k.signal()
	<-k.done
}

func (k *keeper) run() {
	defer close(k.done)
	for range k.wake {
		for {
			k.mu.Lock()
			values, closing := k.pending, k.closing
			k.pending = make(map[string]any)
			k.mu.Unlock()
			err := k.write(values)
			if err != nil {
				k.log.Error("cannot save the last good objects", "error", err)
			}
			if closing {
				return
			}
			if err == nil {
				break
			}
			k.again(values)
			time.Sleep(time.Second)
		}
	}
}

// again queues values that could not be written, unless there are newer ones.
func (k *keeper) again(values map[string]any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, value := range values {
		if _, newer := k.pending[key]; !newer {
			k.pending[key] = value
		}
	}
}

func (k *keeper) write(values map[string]any) error {
	raw := make(map[string][]byte, len(values))
	for key, value := range values {
		if value == nil {
			raw[key] = nil
			continue
		}
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		raw[key] = data
	}
	return k.store.Write(state.Objects, raw)
}

// below gives a path as seen from the directory.
func (s *Source) below(path string) string {
	if file, err := filepath.Rel(s.o.Dir, path); err == nil {
		return file
	}
	return path
}

// save queues what a delta changed.
func (s *Source) save(d delta) {
	if s.keeper == nil {
		return
	}
	values := make(map[string]any, len(d.record)+1)
	for key, e := range d.record {
		if e == nil {
			values[storeKey(key)] = nil
			continue
		}
		doc := e.doc
		if doc == nil { // let go of earlier: the admitted object says the same
			doc, _ = json.Marshal(e.value)
		}
		r := record{File: s.below(e.place.file.name), Line: e.place.line, Column: e.place.column, Hash: e.hash, Doc: doc}
		for _, rival := range s.set.live[key].rivals {
			r.Rivals = append(r.Rivals, s.below(rival))
		}
		values[storeKey(key)] = r
	}
	base := 0
	if len(s.set.lost) > 0 {
		base = s.set.base
	}
	if base != s.savedBase {
		s.savedBase = base
		values[keyHold] = base
	}
	s.keeper.put(values)
}
