package files

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

// Keys of the bucket that are not those of objects; objects' have slashes.
const (
	keyDir  = "dir"  // the directory that the objects are from
	keyHold = "hold" // the number of objects counted before a loss that is held
)

// record says in the state store where an object is from. Its document is beside it.
type record struct {
	File   string          `json:"file"`             // below the directory
	Rivals []string        `json:"rivals,omitempty"` // other files that have the object, too
	Line   int             `json:"line,omitempty"`
	Column int             `json:"column,omitempty"`
	Hash   uint64          `json:"hash,string"`   // of the document
	Inline json.RawMessage `json:"doc,omitempty"` // the document, as older versions kept it

	doc []byte // as written, before defaults; nil when it is in the store already
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
	obsolete []string       // keys to delete
	inline   map[string]any // records to be written in today's form
}

// loadStored reads the state store. Objects from another directory are not taken over: who
// points gateway-cp elsewhere means it.
func loadStored(store *state.Store, dir string) (*stored, error) {
	out := &stored{objects: make(map[api.Key]*live), inline: make(map[string]any)}
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
		if r.Inline != nil {
			again := r
			again.doc, again.Inline, again.Rivals = r.Inline, nil, slices.Clone(r.Rivals)
			out.inline[k] = again
		}
		for i, rival := range r.Rivals {
			r.Rivals[i] = filepath.Join(dir, rival)
		}
		out.objects[key] = &live{
			file: filepath.Join(dir, r.File), rivals: r.Rivals, hash: r.Hash,
			stored: &storedPlace{doc: r.Inline, line: r.Line, column: r.Column},
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("state store: %w", err)
	}
	return out, nil
}

// document gives the last good version of an object as the last run left it; nil when there is
// none that is whole.
func (s *Source) document(key api.Key, hash uint64) []byte {
	doc, err := s.o.State.Read(state.Documents, storeKey(key))
	if err != nil {
		s.log.Error("cannot read a last good object", "object", key.String(), "error", err)
	}
	if xxhash.Sum64(doc) != hash {
		return nil
	}
	return doc
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
	for key, value := range values {
		k.pending[key] = withDoc(value, k.pending[key])
	}
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
		if newer, ok := k.pending[key]; ok {
			value = withDoc(newer, value)
		}
		k.pending[key] = value
	}
}

// withDoc gives a value with the document of the one before, when it has none itself and that is
// not in the store yet.
func withDoc(value, before any) any {
	r, ok := value.(record)
	if old, was := before.(record); ok && was && r.doc == nil {
		r.doc = old.doc
		return r
	}
	return value
}

// chunk is how many values are written in one transaction. It bounds the memory of a first write,
// which is of everything there is.
const chunk = 1000

// write writes values in an order in which it may be cut off after any transaction: what belongs
// to all objects comes last.
func (k *keeper) write(values map[string]any) error {
	keys := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")), strings.Compare(a, b))
	})
	for part := range slices.Chunk(keys, chunk) {
		objects, documents := make(map[string][]byte, len(part)), make(map[string][]byte, len(part))
		for _, key := range part {
			value := values[key]
			if value == nil {
				objects[key], documents[key] = nil, nil
				continue
			}
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			objects[key] = data
			if r, ok := value.(record); ok && r.doc != nil {
				documents[key] = r.doc
			}
		}
		if err := k.store.WriteAll(map[state.Bucket]map[string][]byte{state.Objects: objects, state.Documents: documents}); err != nil {
			return err
		}
	}
	return nil
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
		r := record{File: s.below(e.place.file.name), Line: e.place.line, Column: e.place.column, Hash: e.hash, doc: e.doc}
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
