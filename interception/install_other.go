//go:build !linux

package interception

// Install is for Linux alone.
func Install(Rules) error { return ErrUnsupported }

// Remove is for Linux alone.
func Remove() error { return ErrUnsupported }

// Status is for Linux alone.
func Status() (Installed, error) { return Installed{}, ErrUnsupported }
