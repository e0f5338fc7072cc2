package rollout

import (
	"fmt"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// Decision is what a Manager has decided on one Rollout, as another process can put it into
// effect: see Follower. Its JSON form is stored and sent: fields may be added, not renamed.
type Decision struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Service is the target that it was decided for.
	Service string                 `json:"service"`
	State   State                  `json:"state"`
	Status  v1alpha1.RolloutStatus `json:"status"`
}

// Key is that of the Rollout.
func (d Decision) Key() api.Key { return Key(d.Namespace, d.Name) }

// Decision gives what Step has last decided on a Rollout; false when it is unknown, or when it has
// not been stepped yet.
func (m *Manager) Decision(key api.Key) (Decision, bool) {
	e := m.entries[key]
	if e == nil || e.status.Phase == "" {
		return Decision{}, false
	}
	return Decision{
		Namespace: key.Namespace, Name: key.Name, Service: e.rollout.Spec.TargetRef.Name,
		State: e.state, Status: e.status,
	}, true
}

// comesTo says what a decision comes to where something else may be observed than where it was
// made: the versions and their weights, and why the weights are not as decided, if so.
//
// The versions are always the decided ones, so that their clusters can get warm. The weights stay
// as they were before while a version that shall have more is not known to have a ready endpoint
// here, and the traffic has somewhere better to be.
func (d Decision) comesTo(before []v1alpha1.VersionStatus, observed Observed) ([]v1alpha1.VersionStatus, string) {
	had := map[string]int32{}
	served := false
	for _, v := range before {
		had[v.ID()] = v.Weight
		served = served || v.Weight > 0 && observed.Versions[v.ID()].Ready > 0
	}
	var missing []string
	decided := map[string]bool{}
	for _, v := range d.Status.Versions {
		decided[v.ID()] = true
		if v.Weight > had[v.ID()] && observed.Versions[v.ID()].Ready <= 0 {
			missing = append(missing, v.Name)
		}
	}
	var versions []v1alpha1.VersionStatus
	for _, v := range d.Status.Versions {
		if v.Weight == 0 && observed.Versions[v.ID()].Ready <= 0 {
			v.Match, v.Mirror = nil, nil // nobody here would answer
		}
		versions = append(versions, v)
	}
	if len(missing) == 0 || !served {
		return versions, ""
	}
	for i := range versions {
		versions[i].Weight = had[versions[i].ID()]
	}
	for _, v := range before {
		if !decided[v.ID()] && v.Weight > 0 {
			versions = append(versions, v)
		}
	}
	return versions, fmt.Sprintf("no endpoint of %s is ready on this replica yet", strings.Join(missing, ", "))
}
