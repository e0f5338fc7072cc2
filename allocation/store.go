package allocation

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/state"
)

// Record is what a Service has.
type Record struct {
	Ports               []PortRecord `json:"ports,omitempty"`
	HealthCheckNodePort int32        `json:"healthCheckNodePort,omitempty"`
	// ClusterIPs are its cluster IPs, at most one of each family.
	ClusterIPs []netip.Addr `json:"clusterIPs,omitempty"`
	// LoadBalancer are the addresses of its load balancer, one from each fleet.
	LoadBalancer []netip.Addr `json:"loadBalancer,omitempty"`
}

func (r Record) equal(o Record) bool {
	return r.HealthCheckNodePort == o.HealthCheckNodePort && slices.Equal(r.Ports, o.Ports) && slices.Equal(r.ClusterIPs, o.ClusterIPs) && slices.Equal(r.LoadBalancer, o.LoadBalancer)
}

// PortRecord is what a port of a Service has. The port is known by its name; by its number and protocol
// once that is another one.
type PortRecord struct {
	Name     string          `json:"name,omitempty"`
	Port     int32           `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
	NodePort int32           `json:"nodePort"`
}

// Records are those of all Services.
type Records map[api.Key]Record

// Store keeps records over restarts.
type Store interface {
	// Save writes records, nil deletes, all or nothing. They are on disk when it returns without an
	// error.
	Save(map[api.Key]*Record) error
}

// StateStore keeps records in the bucket state.Allocations, by namespace/name.
type StateStore struct{ DB *state.Store }

// Load reads all records. One that cannot be read is an error, since going on without it would give its
// number to somebody else.
func (s StateStore) Load() (Records, error) {
	records := Records{}
	err := s.DB.Each(state.Allocations, func(key string, value []byte) error {
		namespace, name, ok := strings.Cut(key, "/")
		var r Record
		if !ok {
			return fmt.Errorf("stored numbers of Services: the key %q is not namespace/name", key)
		}
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("stored numbers of Service %s: %w (was it written by a newer version of gateway-cp? "+
				"use that version, or start with an empty state directory: numbers are then chosen anew)", key, err)
		}
		records[api.Key{Kind: api.KindService, Namespace: namespace, Name: name}] = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// Save implements Store.
func (s StateStore) Save(records map[api.Key]*Record) error {
	values := make(map[string][]byte, len(records))
	for k, r := range records {
		key := k.Namespace + "/" + k.Name
		if r == nil {
			values[key] = nil
			continue
		}
		data, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("numbers of %s: %w", k, err)
		}
		values[key] = data
	}
	if err := s.DB.Write(state.Allocations, values); err != nil {
		return fmt.Errorf("store the numbers of Services: %w", err)
	}
	return nil
}
