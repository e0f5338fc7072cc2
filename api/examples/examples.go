// Package examples has, for every reason of a problem, what brings it about: manifests, for those
// that validate finds, and else the commands. They are on the pages of the reasons; a test of
// the command validate checks that each manifest does what it is for.
//
// It may know the reasons, and nothing else.
package examples

import (
	"embed"

	"github.com/gateway-cp/gateway-cp/api"
)

//go:embed *.yaml *.txt
var all embed.FS

// Manifest gives manifests that have problems of the reason; empty where manifests alone do not
// bring it about. ${NAME.crt} and ${NAME.key} stand for a certificate, or chain, and its key, as
// they are written in a Secret.
func Manifest(reason api.Reason) string { return read(string(reason) + ".yaml") }

// Commands say how a reason comes about that has no Manifest.
func Commands(reason api.Reason) string { return read(string(reason) + ".txt") }

func read(name string) string {
	text, err := all.ReadFile(name)
	if err != nil {
		return "" // there is none
	}
	return string(text)
}
