//go:build !race

package rollout

// walks is how many TestManyTransitions takes, of 2,000 transitions each.
const walks = 500
