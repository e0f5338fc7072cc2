package main

import (
	"bytes"
	"os"
	"testing"
)

func TestPageIsFresh(t *testing.T) {
	want, err := page("../../../deploy/crds")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("docs/reference.md is stale: run go generate ./api/v1alpha1")
	}
}
