package admin

import (
	"encoding/json"
	"time"
)

// EnvoyStatus is what the control plane knows about one Envoy that is connected, or was a
// short while ago.
type EnvoyStatus struct {
	ID    string `json:"id"`
	Fleet string `json:"fleet"`
	// UnknownFleet: there is no such fleet, and so nothing for this Envoy.
	UnknownFleet bool `json:"unknownFleet,omitempty"`
	// SharesID: another Envoy with the same id is connected, which must not be.
	SharesID bool   `json:"sharesID,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Node     string `json:"node,omitempty"`    // Kubernetes node
	Version  string `json:"version,omitempty"` // of Envoy
	// VersionWarning says, in words, that this version of Envoy is not one of those that are
	// supported; empty when it is.
	VersionWarning string `json:"versionWarning,omitempty"`
	Protocol       string `json:"protocol,omitempty"` // delta or sotw
	Address        string `json:"address,omitempty"`  // that it connects from
	// Certificate is what proves who it is; nil for one that is believed.
	Certificate *Certificate `json:"certificate,omitempty"`
	// Replica is the follower that it is connected to; empty: the gateway-cp that was asked.
	Replica string `json:"replica,omitempty"`
	// Connected says whether it is now, and Since when it connected or disconnected.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	// InSync: it is connected and has acknowledged everything that there is for it.
	InSync bool `json:"inSync"`
	// Revision is the newest revision that the Envoy has in full, when that is known.
	Revision string `json:"revision,omitempty"`
	// Applied is the number of the newest change that the Envoy has in full, Current that of
	// the newest there is.
	Applied uint64 `json:"applied"`
	Current uint64 `json:"current"`
	// LastChange is the newest change that concerned it and that it has acknowledged since it
	// connected.
	LastChange *Change `json:"lastChange,omitempty"`
	// BehindSince is when the oldest change came that it has not acknowledged.
	BehindSince time.Time `json:"behindSince,omitzero"`
	// Resources is how many resources were sent since it connected.
	Resources uint64 `json:"resourcesSent"`
	// Types are the counts by resource type, in the order of delivery.
	Types []TypeStatus `json:"types"`
	// Refused are the resources that the Envoy does not accept, sorted by type and name.
	Refused []Refusal `json:"refused,omitempty"`
	// Waiting is what parts of its configuration wait for, such as a cluster to be warm, and
	// Pending what it has not acknowledged yet; at most 100 of each.
	Waiting []Waiting `json:"waiting,omitempty"`
	Pending []Pending `json:"pending,omitempty"`
	// AdminAddress is where its admin interface is, if this gateway-cp runs the Envoy.
	AdminAddress string `json:"adminAddress,omitempty"`
}

// Certificate is that of an Envoy's connection.
type Certificate struct {
	Name    string    `json:"name"` // the one in it that makes the Envoy what it says that it is
	Expires time.Time `json:"expires"`
}

// Change is a change of the configuration that an Envoy has acknowledged.
type Change struct {
	Number      uint64    `json:"number"`
	At          time.Time `json:"at"`          // of the acknowledgement
	TookSeconds float64   `json:"tookSeconds"` // from the change to the acknowledgement
}

// TypeStatus counts the resources of one type towards one Envoy.
type TypeStatus struct {
	Type    string `json:"type"`    // cluster, endpoint, secret, listener, scope, route, virtualhost
	Sent    int    `json:"sent"`    // delivered, and not taken away since
	Acked   int    `json:"acked"`   // acknowledged in their newest version
	Pending int    `json:"pending"` // sent and not acknowledged, or still to be sent
	Refused int    `json:"refused"` // in quarantine
}

// Refusal is a resource, or a part of one, that an Envoy refused.
type Refusal struct {
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	Part    string    `json:"part,omitempty"` // virtual host or filter chain
	Message string    `json:"message"`        // Envoy's words
	Since   time.Time `json:"since,omitzero"`
	// Objects are those that the resource comes from, as "Kind namespace/name".
	Objects []string `json:"objects,omitempty"`
}

// Waiting is something that resources wait for before they are delivered.
type Waiting struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Why  string `json:"why"` // in words
	// For are the resources that wait for it, as "type name", at most 100; Count is how many
	// there are.
	For   []string `json:"for"`
	Count int      `json:"count"`
}

// Pending is a resource that has not been acknowledged.
type Pending struct {
	Type string `json:"type"`
	Name string `json:"name"`
	// Sent is when it was sent; without it, it goes out when what was sent before is answered.
	Sent    time.Time `json:"sent,omitzero"`
	Removed bool      `json:"removed,omitempty"` // it is being taken away
}

// EnvoyConfig is everything that one Envoy shall have.
type EnvoyConfig struct {
	ID        string     `json:"id,omitempty"`
	Fleet     string     `json:"fleet"`
	Zone      string     `json:"zone,omitempty"`
	Node      string     `json:"node,omitempty"`
	Address   string     `json:"address,omitempty"`
	Connected bool       `json:"connected"`
	Resources []Resource `json:"resources"` // sorted by type and name
}

// Resource is one that an Envoy shall have, or shall lose.
type Resource struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Content is the resource as Envoy's config dump shows it, with @type; private keys are
	// replaced by "[redacted]". Without it, the Envoy shall lose the resource.
	Content json.RawMessage `json:"content,omitempty"`
	// Objects are those that the resource comes from, as "Kind namespace/name".
	Objects []string `json:"objects,omitempty"`
	// Why says what keeps the Envoy from having exactly this, as far as is known.
	Why []string `json:"why,omitempty"`
	// Kept says, of one that it shall lose, why the Envoy may keep it for now; KeptUntil is, of a cluster
	// that is kept for requests that may still be running, until when.
	Kept      string    `json:"kept,omitempty"`
	KeptUntil time.Time `json:"keptUntil,omitzero"`
}
