package files

import (
	"hash/maphash"
	"strings"
)

// texts gives texts of their own in place of pieces of a file: one name that is kept must not keep
// the whole file in memory, and a List that is edited often, each of its versions. What is met
// again soon, such as namespaces and the keys of labels, is there once.
type texts struct {
	recent [256]string
	seed   maphash.Seed
}

// longText is from how many bytes on a text is not remembered.
const longText = 64

func newTexts() *texts { return &texts{seed: maphash.MakeSeed()} }

func (t *texts) own(s string) string {
	if len(s) > longText {
		return strings.Clone(s)
	}
	at := &t.recent[maphash.String(t.seed, s)%uint64(len(t.recent))]
	if *at != s {
		*at = strings.Clone(s)
	}
	return *at
}
