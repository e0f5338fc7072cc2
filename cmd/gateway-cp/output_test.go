package main

import (
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/admin"
)

// What clients say does not steer the terminal of who looks at them, and stays within its line.
func TestClientsDoNotSteerTerminals(t *testing.T) {
	var b strings.Builder
	s := admin.Status{
		Envoys: []admin.EnvoyStatus{{ID: "gw-1", Fleet: "default", Zone: "a\nb", Node: "\x1b[31m", Version: "envoy \r1", Refused: []admin.Refusal{{Name: "x", Message: "no\x1b]0;title\x07"}}}},
		RefusedClients: []admin.RefusedClient{
			{ID: "a\x1b[31mRED\x1b[0m\rX", Reason: "InvalidIdentity", Message: "it\ncannot\u009b be"},
			{Certificate: []string{"b\x07"}, Reason: "OtherIdentity", Message: "no"},
		},
	}
	if err := writeFleet(harmless{&b}, s); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(b.String(), steers); i >= 0 {
		t.Errorf("%q is in it:\n%q", b.String()[i], b.String())
	}
	for _, want := range []string{`a\nb`, `\x1b[31m`, `envoy \r1`, `no\x1b]0;title\a`, `Envoy a\x1b[31mRED\x1b[0m\rX is refused`, `it\ncannot\u009b be`, `a certificate for b\a`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in it:\n%s", want, b.String())
		}
	}
	if got := strings.Count(b.String(), "\n"); got != 8 {
		t.Errorf("%d lines:\n%s", got, b.String())
	}
}

// A write says how much of what it was given it has written, whatever became of it.
func TestHarmlessWritesAll(t *testing.T) {
	var b strings.Builder
	text := "a\x1bb\tc\n\xffé"
	if n, err := (harmless{&b}).Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("wrote %d of %d, %v", n, len(text), err)
	}
	if got, want := b.String(), "a\\x1bb\tc\n\xffé"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
