package schema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	checks "github.com/gateway-cp/gateway-cp/schema"
)

// Objects of kinds that gateway-cp does not read are found twice, too; of those that it reads, reading
// the files tells.
func TestDuplicates(t *testing.T) {
	const text = `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: default}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: other}}
---
{apiVersion: example.com/v1, kind: Account, metadata: {name: a}}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: x}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}, provisioner: x}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
---
{apiVersion: v1, kind: List, items: [
{apiVersion: example.com/v1, kind: Thing, metadata: {name: a}},
{apiVersion: example.com/v2, kind: Thing, metadata: {name: a}}]}
`
	var got []string
	for _, p := range check(t, checks.Options{Unknown: checks.Skip}, text, "-") {
		got = append(got, p.String())
	}
	want := []string{
		"-:4:1: error: ServiceAccount default/a: the object is already in -:2:1; only one of them can be in effect (remove or rename one of the two) [DuplicateObject]",
		"-:12:1: error: StorageClass a: the object is already in -:10:1; only one of them can be in effect (remove or rename one of the two) [DuplicateObject]",
		"-:20:1: error: Thing default/a: the object is already in -:19:1; only one of them can be in effect (remove or rename one of the two) [DuplicateObject]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDuplicatesInSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := check(t, checks.Options{}, "", dir)
	if len(got) != 1 || got[0].Position.File != filepath.Join(dir, "b.yaml") || !strings.Contains(got[0].Message, filepath.Join(dir, "a.yaml:1:1")) {
		t.Error(got)
	}
}
