package harness

import (
	"os"
	"path/filepath"
)

// StartStaticEnvoy starts an Envoy with a bootstrap that has everything, and waits until it is
// live. The bootstrap has its admin interface at the address.
func (e *Env) StartStaticEnvoy(bootstrap []byte, adminAddress string) *Envoy {
	e.Helper()
	path := filepath.Join(e.Dir, "static.yaml")
	if err := os.WriteFile(path, bootstrap, 0o600); err != nil {
		e.Fatalf("%v", err)
	}
	p := e.Start("envoy-static", e.root.envoy, "-c", path, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
	envoy := &Envoy{Process: p, EnvoyAdmin: &EnvoyAdmin{Address: adminAddress, env: e}, ID: "static"}
	envoy.AwaitLive()
	return envoy
}
