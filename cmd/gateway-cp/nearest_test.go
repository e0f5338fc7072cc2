package main

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"dir", "fleet", "http-address", "xds-address", "xds-ca", "xds-cert"}
	for name, want := range map[string]string{
		"xds-adress": "xds-address", "xdsaddress": "xds-address", "flet": "fleet", "fleets": "fleet",
		"xds-crt": "xds-cert", "something-else-entirely": "", "": "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
