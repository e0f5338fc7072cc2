// Package rollout decides where the traffic of a Service is at this moment.
//
// In: what a Rollout asks for, the state of the step before, what the endpoints and the Envoys
// say (Observed), and the time. Out: the new state, the weight of every version, a sentence for
// people, events, and when to ask again. Next is pure: the same in gives the same out, and every
// input has an answer. One file per strategy: traffic.go, bluegreen.go, canary.go.
//
// Beside it stand what is not pure: Store keeps the states on disk, and Manager holds the
// Rollouts, steps those that something happened to, and gives nothing out that is not on disk
// yet. So a process that is killed at any moment goes on with the same step.
//
// Where several processes serve one fleet, one of them decides; in the others a Follower stands in
// the Manager's place and puts the Decisions of the one into effect.
//
// It may not know Envoy, xDS, Kubernetes clients or the clock: whoever wires it says what is
// observed and what time it is.
package rollout
