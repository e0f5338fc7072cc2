//go:build race

package rollout

// walks is how many TestManyTransitions takes: with the race detector each costs tenfold.
const walks = 50
