package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPagesAreFresh(t *testing.T) {
	want := pages("problems.md", "problems")
	for name, text := range want {
		have, err := os.ReadFile(filepath.Join("../../../docs", name))
		if err != nil || !bytes.Equal(have, text) {
			t.Errorf("docs/%s is stale: run go generate ./api (%v)", name, err)
		}
	}
	there, err := filepath.Glob("../../../docs/problems/*")
	if err != nil || len(there) != len(want)-1 {
		t.Errorf("docs/problems has %d pages, not %d (%v)", len(there), len(want)-1, err)
	}
}
