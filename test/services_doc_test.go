package test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// The tables of docs/services.md have a row for every field of the API, as the Go types that it is built with have
// it, and for nothing else; and the tests that they name are there. A new version of Kubernetes with
// a new field fails here.
func TestEveryFieldOfServicesHasARow(t *testing.T) {
	text, err := os.ReadFile("../docs/services.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	for heading, of := range map[string]any{
		"Field of `spec`": corev1.ServiceSpec{}, "Field of `status`": corev1.ServiceStatus{}, "Field of EndpointSlices": discoveryv1.EndpointSlice{},
	} {
		rows := tableRows(t, string(text), heading)
		there := map[string]bool{}
		for _, row := range rows {
			field, _, _ := strings.Cut(strings.Trim(row[0], "`"), ":")
			there[field] = true
			if len(row) != 4 || row[1] == "" || row[3] == "" && strings.HasPrefix(row[1], "yes") {
				t.Errorf("%s: the row of %s is not complete: %q", heading, field, row)
			}
			for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(row[3], -1) {
				if !tests[name[1]] {
					t.Errorf("%s: the row of %s names %s, which is not there", heading, field, name[1])
				}
			}
		}
		want := fieldsOf(reflect.TypeOf(of), "")
		for _, field := range want {
			if !there[field] {
				t.Errorf("%s: docs/services.md has no row for `%s`", heading, field)
			}
			delete(there, field)
		}
		for field := range there {
			t.Errorf("%s: docs/services.md has a row for `%s`, which the API does not have", heading, field)
		}
		if len(want) < 5 {
			t.Errorf("%s: found %v only", heading, want)
		}
	}
}

// fieldsOf gives the paths of the leaves of a type, as manifests have them: "ports[].name". What belongs to all
// objects is left out.
func fieldsOf(of reflect.Type, at string) (fields []string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct && !shared(of.Elem()) && !namedOnly(of.Elem()) {
		return fieldsOf(of.Elem(), at+"[]")
	}
	if of.Kind() != reflect.Struct || shared(of) {
		return []string{at}
	}
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "metadata" {
			continue
		}
		fields = append(fields, fieldsOf(f.Type, strings.TrimPrefix(at+"."+name, "."))...)
	}
	return fields
}

// shared says whether a type is of all of Kubernetes, and not this API's own.
func shared(of reflect.Type) bool {
	return strings.Contains(of.PkgPath(), "apimachinery") || of == reflect.TypeOf(corev1.ObjectReference{})
}

// namedOnly says whether a type is a name and nothing more, as hints are.
func namedOnly(of reflect.Type) bool { return of.NumField() == 1 && of.Field(0).Name == "Name" }

// tableRows gives the cells of the table with a heading.
func tableRows(t *testing.T, text, heading string) (rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(text, "| "+heading+" |")
	if !found {
		t.Fatalf("there is no table %q", heading)
	}
	for i, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			if i == 0 {
				t.Fatalf("the table %q is empty", heading)
			}
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for len(cells) < strings.Count(line, "|")-1 {
			cells = append(cells, "")
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// testNames are the tests of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T`).FindAllStringSubmatch(string(data), -1) {
			found[m[1]] = true
		}
		return err
	})
	if err != nil || !found["TestEveryFieldOfServicesHasARow"] {
		t.Fatalf("the tests are not found: %v", err)
	}
	return found
}
