package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Bucket is a named group of keys.
type Bucket string

// The buckets.
const (
	// Rollouts holds the state of every rollout, by namespace/name.
	Rollouts Bucket = "rollouts"
	// Objects holds the last good version of every object that came from files.
	Objects Bucket = "objects"
	// Runtime holds what one run leaves for the next, such as the supervised Envoy.
	Runtime Bucket = "runtime"
)

// ErrLocked means that another process has the store open.
var ErrLocked = errors.New("the state store is in use by another process")

// Store is an embedded key-value store. A write has reached the disk when it returns. It is
// safe for concurrent use, but only one process may have it open.
type Store struct{ db *bolt.DB }

// Open opens the store in a directory and makes both where they are missing. It fails with
// ErrLocked when another process holds it for longer than wait.
func Open(dir string, wait time.Duration) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "state.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: wait, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolt.ErrTimeout) {
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("open state store %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close releases the store.
func (s *Store) Close() error { return s.db.Close() }

// Write sets and deletes (nil value) keys of a bucket in one transaction.
func (s *Store) Write(b Bucket, values map[string][]byte) error {
	if len(values) == 0 {
		return nil
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(b))
		if err != nil {
			return err
		}
		for k, v := range values {
			if v == nil {
				err = bucket.Delete([]byte(k))
			} else {
				err = bucket.Put([]byte(k), v)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Each calls f with every key of a bucket, in order. The value is f's to keep.
func (s *Store) Each(b Bucket, f func(key string, value []byte) error) error {
	return s.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(b))
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(k, v []byte) error { return f(string(k), append([]byte(nil), v...)) })
	})
}

// Put stores a value as JSON under a key.
func (s *Store) Put(b Bucket, key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.Write(b, map[string][]byte{key: data})
}

// Get reads a JSON value; found is false when the key is not there.
func (s *Store) Get(b Bucket, key string, value any) (found bool, err error) {
	var data []byte
	err = s.db.View(func(tx *bolt.Tx) error {
		if bucket := tx.Bucket([]byte(b)); bucket != nil {
			data = append(data, bucket.Get([]byte(key))...)
		}
		return nil
	})
	if err != nil || data == nil {
		return false, err
	}
	return true, json.Unmarshal(data, value)
}

// Delete removes a key.
func (s *Store) Delete(b Bucket, key string) error {
	return s.Write(b, map[string][]byte{key: nil})
}
