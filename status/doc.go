// Package status writes what has become of objects into their status on a Kubernetes API server, and
// tells people about them in Events. It never writes a spec.
package status
