package v1alpha1

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// VersionID identifies a version of a Rollout: its name, "~" and eight hexadecimal digits of a
// hash over the selector as it is written in the spec (not merged over the Service's). A
// version whose selector changes is a new version, so that it gets clusters of its own and
// traffic only after its gate; one whose selector is merely written in another order is not.
//
// The ID is part of cluster names and of what is stored on disk: it may never change for the
// same name and selector.
func VersionID(name string, selector map[string]string) string {
	text := make([]byte, 0, 128)
	if len(selector) == 1 { // as of most versions
		for k, v := range selector {
			text = appendText(appendText(text, k), v)
		}
	} else {
		for _, k := range slices.Sorted(maps.Keys(selector)) {
			text = appendText(appendText(text, k), selector[k])
		}
	}
	sum := sha256.Sum256(text)
	return name + "~" + hex.EncodeToString(sum[:4])
}

// appendText writes a string after its length: no two selectors spell the same bytes.
func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// VersionName gives the name in a VersionID.
func VersionName(id string) string {
	name, _, _ := strings.Cut(id, "~") // names have no "~"
	return name
}

// ID is the VersionID of a version in the spec.
func (v Version) ID() string { return VersionID(v.Name, v.Selector) }

// ID is the VersionID of a version in the status.
func (v VersionStatus) ID() string { return VersionID(v.Name, v.Selector) }
