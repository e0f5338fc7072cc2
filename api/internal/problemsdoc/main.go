// Command problemsdoc writes the pages that explain the reasons of problems, from api.Reasons and
// package examples: an index, and beside it a folder with a page for each reason. Its only
// argument is the index to write, such as docs/problems.md. Pages of reasons that do not exist
// are removed.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/examples"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: problemsdoc FILE")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func write(index string) error {
	dir := strings.TrimSuffix(index, ".md")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, text := range pages(filepath.Base(index), filepath.Base(dir)) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(index), name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const made = "<!-- Made from api/reasontable.go and api/examples by go generate ./api. Do not edit. -->\n"

// pages gives all pages by their names, relative to the folder of the index.
func pages(index, dir string) map[string][]byte {
	out := map[string][]byte{index: indexPage(api.Reasons, dir)}
	for _, info := range api.Reasons {
		out[filepath.Join(dir, string(info.Reason)+".md")] = page(info, "../"+index)
	}
	return out
}

func indexPage(reasons []api.ReasonInfo, dir string) []byte {
	var b bytes.Buffer
	b.WriteString(made + `# Problems

Whatever is wrong with an object is reported as a problem: in the output of ` + "[`gateway-cp validate`](validate.md)" + `,
in the logs, in ` + "`gateway-cp fleet`" + ` and in ` + "`/metrics`" + `. It says which object and field, where it is
written, what is wrong and what to do. One bad object never hurts another.

A problem is an *error* when the object, or a part of it, has no effect or stays at its last good
version; it is a *warning* when the object works, but most likely not as its author means. The last
word of a problem is its reason, which never changes its name. These are the reasons; each has a
page, which ` + "`gateway-cp help reason NAME`" + ` prints as well.
`)
	group := ""
	for _, info := range reasons {
		if info.Group != group {
			group = info.Group
			fmt.Fprintf(&b, "\n## %s\n\n", group)
		}
		fmt.Fprintf(&b, "- [%s](%s/%s.md): %s\n", info.Reason, dir, info.Reason, firstSentence(info.Means))
	}
	return b.Bytes()
}

// firstSentence gives a text up to its first full stop.
func firstSentence(text string) string {
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}

func page(info api.ReasonInfo, index string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s# %s\n\n%s: [%s](%s)\n\n## What it means\n\n%s\n\n## What to do\n\n%s\n\n## Example\n\n",
		made, info.Reason, "One of the reasons of problems", info.Group, index, info.Means, info.Do)
	if manifest := examples.Manifest(info.Reason); manifest != "" {
		fmt.Fprintf(&b, "```yaml\n%s```\n", manifest)
		if strings.Contains(manifest, "${") {
			b.WriteString("\n`${…}` stands for a certificate, or chain, and its key in base64.\n")
		}
	} else {
		fmt.Fprintf(&b, "```\n%s```\n", examples.Commands(info.Reason))
	}
	return b.Bytes()
}
