package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Bucket is a named group of keys.
type Bucket string

// The buckets.
const (
	// Rollouts holds the state of every rollout, by namespace/name.
	Rollouts Bucket = "rollouts"
	// Histories holds what has happened to every rollout, by namespace/name.
	Histories Bucket = "histories"
	// Objects says where the last good version of every object that came from files is from.
	Objects Bucket = "objects"
	// Documents holds those versions. They are large and seldom read.
	Documents Bucket = "documents"
	// Parts holds what Envoys have in place of parts of their configuration that they refuse.
	Parts Bucket = "parts"
	// Followed holds what a leader has decided on rollouts, by namespace/name, and Replica the
	// part that this process has among others.
	Followed Bucket = "followed"
	Replica  Bucket = "replica"
	// Allocations holds the numbers that Services were given, by namespace/name.
	Allocations Bucket = "allocations"
	// Runtime holds what one run leaves for the next, such as the supervised Envoy.
	Runtime Bucket = "runtime"
)

// ErrLocked means that another process has the store open.
var ErrLocked = errors.New("the state store is in use by another process")

// ErrDamaged means that the file is not, or no longer, a store. Only a person can decide what
// to do; the error says what there is to choose from.
var ErrDamaged = errors.New("the state store is damaged")

// pageSize makes the file the same on every machine.
const pageSize = 4096

// Store is an embedded key-value store. A write has reached the disk when it returns. It is
// safe for concurrent use, but only one process may have it open.
type Store struct {
	db   *bolt.DB
	path string
}

// Open opens the store in a directory and makes both where they are missing. It fails with
// ErrLocked when another process holds it for longer than wait, and with ErrDamaged when the
// file cannot be read as a store.
func Open(dir string, wait time.Duration) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	s := &Store{path: filepath.Join(dir, "state.db")}
	_, missing := os.Stat(s.path)
	err := s.guard(func() (err error) {
		s.db, err = bolt.Open(s.path, 0o600, &bolt.Options{Timeout: wait, FreelistType: bolt.FreelistMapType, PageSize: pageSize})
		return err
	})
	var system *fs.PathError
	var errno syscall.Errno
	switch {
	case err == nil:
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w: stop it, or give this one a state directory of its own", s.path, ErrLocked)
	case errors.Is(err, ErrDamaged):
		return nil, err
	case errors.As(err, &system), errors.As(err, &errno):
		return nil, fmt.Errorf("open the state store %s: %w", s.path, err)
	default: // bbolt's own: what it read makes no sense
		return nil, s.damaged(err)
	}
	if missing != nil {
		if err := syncDir(dir); err != nil {
			return nil, errors.Join(err, s.db.Close())
		}
	}
	return s, nil
}

// syncDir makes a new file's name survive a power cut, as its content does.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the state directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the state directory: %w", err)
	}
	return nil
}

// guard turns the panics, and the faults of memory that is mapped from a file that is too
// short, that bbolt answers a damaged file with into ErrDamaged.
func (s *Store) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = s.damaged(r)
		}
	}()
	return f()
}

func (s *Store) damaged(why any) error {
	return fmt.Errorf("%w: %s: %v: put a backup in its place, or move it away to start without what it "+
		"remembers (live versions and holds of Rollouts, numbers of Services, last good objects)", ErrDamaged, s.path, why)
}

// Close releases the store.
func (s *Store) Close() error { return s.db.Close() }

// Write sets and deletes (nil value) keys of a bucket in one transaction.
func (s *Store) Write(b Bucket, values map[string][]byte) error {
	return s.WriteAll(map[Bucket]map[string][]byte{b: values})
}

// WriteAll is Write for several buckets, in one transaction.
func (s *Store) WriteAll(values map[Bucket]map[string][]byte) error {
	maps.DeleteFunc(values, func(_ Bucket, v map[string][]byte) bool { return len(v) == 0 })
	if len(values) == 0 {
		return nil
	}
	return s.guard(func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			for _, b := range slices.Sorted(maps.Keys(values)) {
				if err := write(tx, b, values[b]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func write(tx *bolt.Tx, b Bucket, values map[string][]byte) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(b))
	if err != nil {
		return err
	}
	if len(values) > manyKeys {
		bucket.FillPercent = 0.9
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		if v := values[k]; v == nil {
			err = bucket.Delete([]byte(k))
		} else {
			err = bucket.Put([]byte(k), v)
		}
		if err != nil {
			return fmt.Errorf("state %s %q: %w", b, k, err)
		}
	}
	return nil
}

// manyKeys in order leave pages that are nearly full; with bbolt's own setting half of the file
// would be empty.
const manyKeys = 100

// Each calls f with every key of a bucket, in order, as they were when it began. The value is
// f's to keep; f may write. It ends with the first error of f.
func (s *Store) Each(b Bucket, f func(key string, value []byte) error) error {
	type pair struct {
		key   string
		value []byte
	}
	var pairs []pair
	err := s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			bucket := tx.Bucket([]byte(b))
			if bucket == nil {
				return nil
			}
			return bucket.ForEach(func(k, v []byte) error {
				pairs = append(pairs, pair{string(k), append([]byte(nil), v...)})
				return nil
			})
		})
	})
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := f(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// Put stores a value as JSON under a key.
func (s *Store) Put(b Bucket, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("state %s %q: %w", b, key, err)
	}
	return s.Write(b, map[string][]byte{key: data})
}

// Read reads a value; nil when the key is not there.
func (s *Store) Read(b Bucket, key string) (data []byte, err error) {
	err = s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			if bucket := tx.Bucket([]byte(b)); bucket != nil {
				data = append(data, bucket.Get([]byte(key))...)
			}
			return nil
		})
	})
	return data, err
}

// Get reads a JSON value; found is false when the key is not there.
func (s *Store) Get(b Bucket, key string, value any) (found bool, err error) {
	data, err := s.Read(b, key)
	if err != nil || data == nil {
		return false, err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return true, fmt.Errorf("state %s %q in %s: %w", b, key, s.path, err)
	}
	return true, nil
}

// Delete removes a key.
func (s *Store) Delete(b Bucket, key string) error {
	return s.Write(b, map[string][]byte{key: nil})
}
