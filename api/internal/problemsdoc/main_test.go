package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
)

func TestPageIsFresh(t *testing.T) {
	have, err := os.ReadFile("../../../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page(api.Reasons)) {
		t.Error("docs/problems.md is stale: run go generate ./api")
	}
}
