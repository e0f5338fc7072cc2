package schema_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/api"
	checks "github.com/gateway-cp/gateway-cp/schema"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// check reads a text as validate does, and gives its problems.
func check(t testing.TB, o checks.Options, text string) []api.Problem {
	t.Helper()
	c := checks.New(o)
	_, err := files.Load(files.LoadOptions{Stdin: strings.NewReader(text), Visit: visit(c)}, "-")
	if err != nil {
		t.Fatal(err)
	}
	return c.Problems()
}

func visit(c *checks.Checker) func(files.Document) {
	return func(d files.Document) { c.Visit(checks.Object(d)) }
}

// show writes problems as "line: path: reason: message (hint)".
func show(problems []api.Problem) []string {
	var lines []string
	for _, p := range problems {
		line := fmt.Sprintf("%d: %s: %s: %s", p.Position.Line, p.Path, p.Reason, p.Message)
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

var _ = schema.GroupVersionKind{}
var _ = os.ReadFile
var _ = filepath.Join
var _ = slices.Sort[[]string]

func TestTry(t *testing.T) {
	for _, f := range strings.Split(os.Getenv("TRY"), ",") {
		c := checks.New(checks.Options{})
		r, err := files.Load(files.LoadOptions{Visit: visit(c)}, f)
		if err != nil {
			t.Fatal(err)
		}
		_ = r
		for _, p := range c.Problems() {
			t.Log(p)
		}
	}
}
