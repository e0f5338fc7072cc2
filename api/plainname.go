package api

import "strings"

// The API server's own checks of names are regular expressions, and names are most of what is checked.
// Almost all names are plain, which is soon seen; what is not plain may be valid all the same.

// IsPlainLabel says that a name is a DNS label of at most 63 lower-case letters, digits and '-', as
// validation.IsDNS1123Label in k8s.io/apimachinery has it.
func IsPlainLabel(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// IsPlainSubdomain says that a name is plain labels with dots between them, at most 253 characters. False
// may also mean that a label is longer than 63 characters, which names of objects may be.
func IsPlainSubdomain(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !IsPlainLabel(label) {
			return false
		}
	}
	return true
}

// IsPlainKey says that the key of a label or annotation is a plain label, with a plain subdomain and '/' before
// it or without.
func IsPlainKey(key string) bool {
	prefix, name, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return IsPlainLabel(key)
	}
	return IsPlainLabel(name) && IsPlainSubdomain(prefix)
}
