package admin

import "time"

// ReplicaStatus is the part that a control plane has among several that serve one fleet.
type ReplicaStatus struct {
	Name string `json:"name"`
	// Position is how far its decisions have come, or those that it was told: TERM.NUMBER.
	Position string `json:"position"`
	// Leader is set on one that follows.
	Leader *LeaderStatus `json:"leader,omitempty"`
	// Followers are those that follow it, or did within the last 10 minutes, by name.
	Followers []FollowerStatus `json:"followers,omitempty"`
}

// LeaderStatus is what a replica knows of the one that it follows.
type LeaderStatus struct {
	Address string `json:"address"`
	Name    string `json:"name,omitempty"` // as it has said last
	Version string `json:"version,omitempty"`
	// Followed says whether it is there and followed, and Since from when on that is so. While it
	// is not, everything stays as it is.
	Followed bool      `json:"followed"`
	Since    time.Time `json:"since"`
	// LagSeconds is for how long it has said nothing; there is a sign of life every second.
	LagSeconds float64 `json:"lagSeconds"`
	// Refused: it is there, and not followed since its state is an older one, or of another
	// history. Problem says why, or why it cannot be reached.
	Refused bool   `json:"refused,omitempty"`
	Problem string `json:"problem,omitempty"`
	// Held are the Rollouts whose weights here are not those decided, as namespace/name, and why.
	Held map[string]string `json:"held,omitempty"`
}

// FollowerStatus is what the leader knows of a follower.
type FollowerStatus struct {
	Name      string    `json:"name"`
	Version   string    `json:"version,omitempty"`
	Address   string    `json:"address,omitempty"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"` // when it connected, or was gone
	Envoys    int       `json:"envoys"`
	Revision  string    `json:"revision,omitempty"` // of its manifests
	Position  string    `json:"position"`
	// LagSeconds is for how long it has not put into effect what was decided; 0: it has all.
	LagSeconds float64           `json:"lagSeconds"`
	Held       map[string]string `json:"held,omitempty"`
	// Silent: it has not said how its Envoys are, so that they are not in the list.
	Silent bool `json:"silent,omitempty"`
}
