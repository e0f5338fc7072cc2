// Command problemsdoc writes the page that explains the reasons of problems, from
// api.Reasons. Its only argument is the file to write.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"github.com/gateway-cp/gateway-cp/api"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: problemsdoc FILE")
	}
	if err := os.WriteFile(os.Args[1], page(api.Reasons), 0o644); err != nil {
		log.Fatal(err)
	}
}

func page(reasons []api.ReasonInfo) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Made from api/reasontable.go by go generate ./api. Do not edit. -->
# Problems

Whatever is wrong with an object is reported as a problem: in the output of ` + "`gateway-cp validate`" + `,
in the logs, in ` + "`gateway-cp fleet`" + ` and in ` + "`/metrics`" + `. It says which object and field, where it is
written, what is wrong and what to do. One bad object never hurts another.

A problem is an *error* when the object, or a part of it, has no effect or stays at its last good
version; it is a *warning* when the object works, but most likely not as its author means. The last
word of a problem is its reason, which never changes its name. These are the reasons.
`)
	group := ""
	for _, info := range reasons {
		if info.Group != group {
			group = info.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n**What to do:** %s\n", info.Reason, info.Means, info.Do)
	}
	return b.Bytes()
}
