// Package simulate says what would become of a canary: for people who choose steps and margins.
//
// In: the spec of a Rollout, and a World with made-up error rates and traffic. Out: what the engine (the
// same code, rollout.Next) does and when, or how many of many rollouts end how. It is as random as its
// seed: the same in gives the same out. A rollout that does not end is left at World.For.
//
// All endpoints are healthy, and every Envoy follows at once. It never looks at a clock, and knows
// neither Envoy nor files.
package simulate
