package election

import (
	"crypto/rand"
	"strings"
)

// Holder is who holds the Lease.
type Holder struct {
	Name    string // of the replica
	Address string // where others follow it; empty: nowhere
	// Instance tells processes of one name apart.
	Instance string
}

// NewHolder makes one for this process.
func NewHolder(name, address string) Holder { return Holder{name, address, rand.Text()} }

// String is how it is written into the Lease: no name or address has a _ in it.
func (h Holder) String() string { return h.Name + "_" + h.Address + "_" + h.Instance }

// ParseHolder reads the holder of a Lease. What another program has written is only a name.
func ParseHolder(identity string) Holder {
	parts := strings.Split(identity, "_")
	if len(parts) != 3 {
		return Holder{Name: identity}
	}
	return Holder{parts[0], parts[1], parts[2]}
}
