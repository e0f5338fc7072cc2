// Package data holds the schemas that are embedded, as tools/schemas wrote them: lines of
// a key, a tab and JSON, sorted by key. Keys go in, JSON comes out; it knows nothing of ours.
package data

import (
	_ "embed"
	"sort"
	"strings"
)

// Text is a set of lines, sorted by key.
type Text string

var (
	// Builtin has a line "K apps/v1 Deployment" for each kind, and "D name" for each definition
	// that they refer to, and "V" with the version of Kubernetes.
	//
	//go:embed builtin.txt
	Builtin Text
	// Standard and Experimental are the channels of the Gateway API; Ours are gateway-cp's own
	// kinds. They have a line "C group kind" for each CustomResourceDefinition.
	//
	//go:embed standard.txt
	Standard Text
	//go:embed experimental.txt
	Experimental Text
	//go:embed ours.txt
	Ours Text
)

// Find gives the JSON of a key, without looking at the rest of the text.
func (t Text) Find(key string) (json string, ok bool) {
	at := sort.Search(len(t), func(i int) bool {
		k, _, _ := strings.Cut(t.line(t.start(i)), "\t")
		return k >= key
	})
	if at == len(t) {
		return "", false
	}
	k, json, _ := strings.Cut(t.line(t.start(at)), "\t")
	return json, k == key
}

// start gives where the line that holds byte i begins.
func (t Text) start(i int) int { return strings.LastIndexByte(string(t[:i]), '\n') + 1 }

func (t Text) line(start int) string {
	line, _, _ := strings.Cut(string(t[start:]), "\n")
	return line
}

// Keys gives all keys that begin with prefix, without it.
func (t Text) Keys(prefix string) []string {
	var keys []string
	for line := range strings.Lines(string(t)) {
		if key, _, _ := strings.Cut(line, "\t"); strings.HasPrefix(key, prefix) {
			keys = append(keys, key[len(prefix):])
		}
	}
	return keys
}
