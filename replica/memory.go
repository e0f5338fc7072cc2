package replica

import (
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// Memory stands for a Store where what is decided is stored elsewhere: it keeps nothing but the position. It
// implements rollout.KeptStore, and is not safe for concurrent use.
type Memory struct{ position, saved Position }

// Load gives nothing.
func (m *Memory) Load() (map[api.Key]rollout.Kept, error) { return map[api.Key]rollout.Kept{}, nil }

// SetPosition says which position the next Save is for.
func (m *Memory) SetPosition(p Position) { m.position = p }

// Saved is the position of the latest Save.
func (m *Memory) Saved() Position { return m.saved }

// Save keeps the position.
func (m *Memory) Save(map[api.Key]*rollout.Kept) error {
	m.saved = m.position
	return nil
}
