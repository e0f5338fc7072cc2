package test

import "os"

// soaking says whether the long forms are wanted.
var soaking = os.Getenv("GATEWAY_CP_SOAK") != ""

// counts gives the full count in a soak, and a tenth otherwise.
func counts(full int) int {
	if soaking {
		return full
	}
	return full / 10
}
