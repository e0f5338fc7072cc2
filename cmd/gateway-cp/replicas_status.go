package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/replica"
)

// replicaStatus is what the leader shows of the Envoys of this replica.
func (c *controlPlane) replicaStatus() json.RawMessage {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	data, err := json.Marshal(c.envoys(ctx, c.xds.Fleet()))
	if err != nil {
		c.log.Error("the leader is not told of Envoys", "error", err)
	}
	return data
}

// status is the part of this replica, nil when it is by itself.
func (r *replicas) status() *admin.ReplicaStatus {
	now, p := time.Now(), r.part()
	switch {
	case p.leader != nil:
		s := &admin.ReplicaStatus{Name: r.instance.config.Replica.Name, Position: p.leader.Position().String()}
		for _, f := range p.leader.Followers() {
			s.Followers = append(s.Followers, admin.FollowerStatus{
				Name: f.Name, Version: f.Version, Address: f.Address, Connected: f.Connected, Since: f.Since,
				Envoys: f.Envoys, Revision: f.Effect.Revision, Position: f.Effect.Position.String(),
				LagSeconds: f.Lag.Seconds(), Held: f.Effect.Held,
			})
		}
		return s
	case p.follower != nil:
		l := p.follower.Leader()
		leader := &admin.LeaderStatus{
			Address: l.Address, Name: l.Name, Version: l.Version,
			Followed: l.Connected, Since: l.Since, Refused: l.Refused, Problem: l.Problem,
			Held: p.follower.Held(),
		}
		if !l.Heard.IsZero() {
			leader.LagSeconds = now.Sub(l.Heard).Seconds()
		}
		return &admin.ReplicaStatus{Name: r.instance.config.Replica.Name, Position: l.Position.String(), Leader: leader}
	case p.mirror != nil:
		return &admin.ReplicaStatus{Name: r.instance.config.Replica.Name, Position: p.store.Saved().String(), Leader: r.elected.nobody()}
	}
	return nil
}

// askTimeout is how long followers may take to say how their Envoys are.
const askTimeout = time.Second

// addEnvoys adds the Envoys of followers.
func (r *replicas) addEnvoys(s *admin.Status) {
	leader := r.part().leader
	if leader == nil || s.Replica == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	answers, silent := leader.Ask(ctx)
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		var envoys []admin.EnvoyStatus
		if err := json.Unmarshal(answers[name], &envoys); err != nil {
			silent = append(silent, name)
			continue
		}
		for _, e := range envoys {
			e.Replica = name
			s.Envoys = append(s.Envoys, e)
		}
	}
	s.Envoys = withoutMoved(s.Envoys)
	slices.SortStableFunc(s.Envoys, func(a, b admin.EnvoyStatus) int { return cmp.Compare(a.ID, b.ID) })
	for i, f := range s.Replica.Followers {
		s.Replica.Followers[i].Silent = slices.Contains(silent, f.Name)
	}
}

// withoutMoved leaves out Envoys that are gone from a replica and connected to another.
func withoutMoved(all []admin.EnvoyStatus) []admin.EnvoyStatus {
	connected := map[string]bool{}
	for _, e := range all {
		connected[e.ID] = connected[e.ID] || e.Connected
	}
	return slices.DeleteFunc(all, func(e admin.EnvoyStatus) bool { return !e.Connected && connected[e.ID] })
}

// confirm has a leader followed that is refused; it is false when there is none.
func (r *replicas) confirm() bool {
	follower := r.part().follower
	return follower != nil && follower.Accept()
}

func refusesLeader(s *admin.ReplicaStatus) bool {
	return s != nil && s.Leader != nil && s.Leader.Refused
}

// writeReplicas prints the part of a replica, and of the others.
func writeReplicas(w io.Writer, s *admin.ReplicaStatus) error {
	if s == nil {
		return nil
	}
	line := func(format string, args ...any) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	}
	if l := s.Leader; l != nil {
		return writeLeader(s, l, line)
	}
	if err := line("Replica: %s leads, at position %s", s.Name, s.Position); err != nil {
		return err
	}
	for _, f := range s.Followers {
		what := fmt.Sprintf("follows since %s, %s, at position %s", stamp(f.Since), plural(f.Envoys, "Envoy"), f.Position)
		switch {
		case !f.Connected:
			what = fmt.Sprintf("is gone since %s; it had %s", stamp(f.Since), plural(f.Envoys, "Envoy"))
		case f.LagSeconds > 0:
			what += ", " + seconds(f.LagSeconds) + " behind"
		}
		if f.Silent {
			what += "; it does not say how its Envoys are"
		}
		if err := line("Replica: %s %s", f.Name, what); err != nil {
			return err
		}
		if err := writeHeld(f.Name, f.Held, line); err != nil {
			return err
		}
	}
	return nil
}

func writeLeader(s *admin.ReplicaStatus, l *admin.LeaderStatus, line func(string, ...any) error) error {
	var err error
	switch {
	case l.Followed:
		err = line("Replica: %s follows %s (%s) since %s, at position %s, heard of it %s ago", s.Name, cmp.Or(l.Name, "?"), l.Address,
			stamp(l.Since), s.Position, seconds(l.LagSeconds))
	case l.Refused:
		err = line("HELD: the leader at %s is not followed: %s\n  If its state is the right one: gateway-cp fleet confirm", l.Address, l.Problem)
	case l.Address == "":
		err = line("Replica: %s follows nobody: %s; rollouts stay as they are, at position %s", s.Name, l.Problem, s.Position)
	default:
		err = line("Replica: %s does not reach its leader at %s since %s (%s); rollouts stay as they are, at position %s",
			s.Name, l.Address, stamp(l.Since), l.Problem, s.Position)
	}
	if err != nil {
		return err
	}
	return writeHeld(s.Name, l.Held, line)
}

func writeHeld(name string, held map[string]string, line func(string, ...any) error) error {
	for _, rollout := range slices.Sorted(maps.Keys(held)) {
		if err := line("Replica: %s holds Rollout %s back: %s", name, rollout, held[rollout]); err != nil {
			return err
		}
	}
	return nil
}

// replicaColumn gives the cells of the column of replicas, which is there only at a leader; those
// without a name are its own.
func replicaColumn(s *admin.ReplicaStatus) func(replica string) string {
	if s == nil || s.Leader != nil {
		return func(string) string { return "" }
	}
	return func(replica string) string { return cmp.Or(replica, s.Name) + "\t" }
}

// replicaMetrics are what /metrics says of other replicas.
type replicaMetrics struct {
	replicas *replicas

	followers, envoys, lag, received, requests, followed, heard, held *prometheus.Desc
}

func newReplicaMetrics(r *replicas) *replicaMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("gateway_cp_"+name, help, labels, nil)
	}
	return &replicaMetrics{
		replicas:  r,
		followers: desc("replica_followers", "Replicas that follow this one."),
		envoys:    desc("replica_follower_envoys", "Envoys of a replica that follows this one.", "replica"),
		lag:       desc("replica_follower_lag_seconds", "For how long a replica that follows this one has not put into effect what was decided; 0: it has all.", "replica"),
		received:  desc("replica_observations_total", "Reports on clusters that followers have forwarded."),
		requests: desc("replica_upstream_requests_total", "Requests to the endpoints of a cluster as Envoys of followers report them, forwarded by these; "+
			"gateway_cp_upstream_requests_total has those of this replica's own Envoys.", "fleet", "cluster", "result"),
		followed: desc("replica_leader_followed", "1 while the leader is there and followed, 0 while everything stays as it is."),
		heard:    desc("replica_leader_lag_seconds", "For how long the leader has said nothing."),
		held:     desc("replica_held_rollouts", "Rollouts whose weights are not those that the leader has decided."),
	}
}

// Describe is for Prometheus.
func (m *replicaMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.followers, m.envoys, m.lag, m.received, m.requests, m.followed, m.heard, m.held} {
		out <- d
	}
}

// Collect is for Prometheus.
func (m *replicaMetrics) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	leader := m.replicas.part().leader
	s := m.replicas.status()
	switch {
	case s == nil:
	case s.Leader != nil:
		followed := 0.0
		if s.Leader.Followed {
			followed = 1
		}
		send(m.followed, prometheus.GaugeValue, followed)
		send(m.heard, prometheus.GaugeValue, s.Leader.LagSeconds)
		send(m.held, prometheus.GaugeValue, float64(len(s.Leader.Held)))
	case leader == nil:
	default:
		connected := 0
		for _, f := range s.Followers {
			if f.Connected {
				connected++
				send(m.envoys, prometheus.GaugeValue, float64(f.Envoys), f.Name)
				send(m.lag, prometheus.GaugeValue, f.LagSeconds, f.Name)
			}
		}
		send(m.followers, prometheus.GaugeValue, float64(connected))
		send(m.received, prometheus.CounterValue, float64(leader.Received()))
		leader.EachLoad(func(l replica.Load) {
			for result, n := range map[string]uint64{"success": l.Success, "error": l.Error, "dropped": l.Dropped} {
				send(m.requests, prometheus.CounterValue, float64(n), l.Fleet, l.Cluster, result)
			}
		})
	}
}
