package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/findings"
)

// FuzzValidate: whatever is piped into validate, it ends, what it finds is somewhere in the text,
// and every format keeps to its schema.
func FuzzValidate(f *testing.F) {
	seeds, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no examples to begin with", err)
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{
		"a: &a [*a]\n", "{\"kind\": \"List\", \"items\": [{}]}", "\xff\xfe{\x00", "- - ? : !!binary |\n", "kind: \x00",
		"# gateway-cp:ignore UnknownField why\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: hunter2}\ndota: hunter2\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {versions: [{schema: {openAPIV3Schema: {x-kubernetes-validations: [{rule: self}]}}}]}\n",
		"# Source: a/b.yaml\n---\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata:\n  name: ::error::\n  annotations: {gateway-cp.io/ignore: X}\n",
	} {
		f.Add([]byte(seed))
	}
	schemas := map[string]*jsonschema.Schema{}
	for format, file := range map[string]string{
		"json": "../../docs/findings.schema.json", "sarif": "../../findings/testdata/schemas/sarif-2.1.0.json", "gitlab": "../../findings/testdata/schemas/gitlab-codequality.json",
	} {
		if schemas[format], err = jsonschema.NewCompiler().Compile(file); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		report := validateText(t, text)
		lines := bytes.Count(text, []byte("\n")) + 2 // UTF-16 has fewer of them
		for _, found := range report.Findings {
			if found.Position.Line > lines || found.Position.File != "-" || found.Message == "" || found.Severity == "" || found.Reason == "" {
				t.Errorf("%+v, in %d lines", found, lines)
			}
			if found.Reason != api.ReasonInvalidSuppression && found.Reason != api.ReasonUnusedSuppression && found.Position.Line < 1 {
				t.Errorf("%+v has no place", found)
			}
		}
		for _, format := range findings.Formats() {
			var b bytes.Buffer
			if err := findings.Write(&b, format, report, findings.Options{}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			checkFormat(t, format, b.Bytes(), schemas[format])
		}
	})
}

// validateText runs the whole of validate, over standard input.
func validateText(t *testing.T, text []byte) *findings.Report {
	t.Helper()
	c := validateConfig{paths: []string{"-"}}
	cmd := &cobra.Command{}
	c.report.register(cmd)
	c.schemas.register(cmd)
	if err := cmd.ParseFlags(nil); err != nil {
		t.Fatal(err)
	}
	cmd.SetIn(bytes.NewReader(text))
	cmd.SetErr(io.Discard)
	v, err := validate(cmd, &c, startProgress(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	report, err := v.report(cmd, &c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func checkFormat(t *testing.T, format string, out []byte, schema *jsonschema.Schema) {
	t.Helper()
	switch {
	case schema != nil:
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
	case format == "junit":
		for d := xml.NewDecoder(bytes.NewReader(out)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("junit: %v\n%s", err, out)
			}
		}
	case format == "github":
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::error ") && !strings.HasPrefix(line, "::warning ") && !strings.HasPrefix(line, "::notice ") {
				t.Errorf("GitHub would obey %q", line)
			}
		}
	case format == "text":
		if i := bytes.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
			t.Errorf("the terminal would obey %q", out[i:])
		}
	}
}
