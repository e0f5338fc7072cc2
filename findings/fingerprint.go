package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
)

// Fingerprints gives every finding of a list its own fingerprint: made of the reason, the
// object (or, where there is none, the file), the field and the text of its line. So it stays
// the same when lines move, when entries are put before it in its list, and when a message is
// worded better; it is another when the line is edited. Alike findings are told apart by their
// order. Snippets should be filled in before.
func Fingerprints(list []Finding) {
	seen := make(map[string]int, len(list))
	for i := range list {
		f := &list[i]
		of := f.Object.String()
		if f.Object == (api.Key{}) {
			of = f.Position.File
		}
		line := ""
		if f.Snippet != nil {
			line = strings.Join(strings.Fields(f.Snippet.Text), " ")
		}
		id := strings.Join([]string{string(f.Reason), of, listIndex.ReplaceAllString(f.Path, "[]"), line, f.Case}, "\x00")
		seen[id]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", id, seen[id]))
		f.Fingerprint = hex.EncodeToString(sum[:16])
	}
}

var listIndex = regexp.MustCompile(`\[\d+\]`)
