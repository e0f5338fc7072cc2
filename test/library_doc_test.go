package test

import (
	"os"
	"strings"
	"testing"
)

// The code in docs/xds-library.md is that of the example, which is compiled and run.
func TestLibraryDocs(t *testing.T) {
	program := ""
	for _, file := range []string{"main.go", "resources.go"} {
		text, err := os.ReadFile("../examples/library/" + file)
		if err != nil {
			t.Fatal(err)
		}
		program += unindented(string(text))
	}
	for _, block := range blocks(t, "../docs/xds-library.md", "go") {
		if !strings.Contains(program, unindented(block)) {
			t.Errorf("this is not in examples/library:\n%s", block)
		}
	}
}

// unindented is code without the white space before its lines.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimLeft(line, "\t "))
	}
	return b.String()
}
