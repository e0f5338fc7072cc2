package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag adds -o for commands that print data.
func outputFlag(cmd *cobra.Command, format *string) {
	enumFlag(cmd, format, "output", "o", "output format", "text", "json", "yaml")
}

// print writes data as JSON or YAML, or as text by the function.
func print(w io.Writer, format string, data any, text func(io.Writer) error) error {
	if format == "text" {
		return text(harmless{w})
	}
	out, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	out = append(out, '\n')
	if format == "yaml" {
		if out, err = yaml.JSONToYAML(out); err != nil {
			return err
		}
	}
	_, err = w.Write(out)
	return err
}

// harmless is text in which nothing but ends of lines and tabs steers a terminal: much of what is shown was
// said by clients.
type harmless struct{ to io.Writer }

func (h harmless) Write(text []byte) (int, error) {
	if i := bytes.IndexFunc(text, steers); i < 0 {
		return h.to.Write(text)
	}
	all := len(text)
	var b []byte
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if steers(r) {
			q := strconv.QuoteRune(r)
			b = append(b, q[1:len(q)-1]...)
		} else {
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	if _, err := h.to.Write(b); err != nil {
		return 0, err
	}
	return all, nil
}

func steers(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
