// Package nearest finds the name that a person most likely meant who wrote one that does not
// exist: the field of a kind, or a kind. Words go in, a name comes out; it knows nothing of ours.
package nearest

import (
	"strings"
	"unicode/utf8"
)

// Name gives the name that a person who wrote word most likely meant; empty when none is near.
func Name(word string, names []string) string {
	best, bestDistance := "", max(2, utf8.RuneCountInString(word)/3)+1
	for _, name := range names {
		d := Distance(strings.ToLower(word), strings.ToLower(name))
		if len(name) <= 3 && d > 1 {
			continue // every short word is near every other
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// Distance counts the letters to insert, delete, replace or swap with their neighbour to get
// from one word to the other.
func Distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
