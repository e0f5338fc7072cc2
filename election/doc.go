// Package election says which of several replicas leads, and keeps the states of rollouts, both on a
// Kubernetes API server.
//
//	e, err := election.New(election.Options{Config: config, Namespace: "gateway-cp", Name: "gateway-cp", …})
//	err = e.Run(ctx, func(t election.Turn) { … })
//
// In: a Lease, and the status of Rollouts. Out: turns (who leads, since which epoch, with which states), and
// states in status.state of the Rollouts.
//
// What it promises:
//
//   - Of those that use one Lease, one leads at a time. An epoch begins with each; it is the number of
//     transitions of the Lease.
//   - A leader that cannot renew its Lease ceases to lead by its own clock, before anybody else can.
//   - Nobody decides on a Rollout in an epoch before the epoch stands in its status. What was written there
//     in an earlier epoch and comes late is refused by the API server, and whoever wrote it leads no more.
//   - A state is on the API server before what follows from it takes effect, but for the evidence of an
//     analysis, which is written from time to time: what is stored is never more than was observed.
//
// It may not know the translator, xDS or the protocol between replicas.
package election
