// Package state keeps what must outlive the process: an embedded store (bbolt), fsynced
// on every write. Who writes decides what the bytes mean.
package state
