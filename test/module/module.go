// Package module finds the source of Go modules, also for programs that are built with -trimpath.
package module

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Ours is the path of the module of this project.
const Ours = "github.com/gateway-cp/gateway-cp"

// Dir is the folder in which the module at the path has its source, for a working directory in a
// module that requires it.
func Dir(path string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("where is %s: %w: %s", path, err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
