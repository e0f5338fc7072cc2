package envoy

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/envoybin"
)

var update = flag.Bool("update", false, "write the golden files")

var cases = []struct {
	name    string
	options Options
}{
	{"unix", Options{
		NodeID: "gw-1", Fleet: "default",
		XDSAddress: "unix:///run/gateway-cp/xds.sock", AdminAddress: "127.0.0.1:19000",
	}},
	{"tls", Options{
		NodeID: "gw-2", Fleet: "edge", Zone: "eu-1a", NodeName: "node-7",
		XDSAddress: "cp.example.com:18000", AdminAddress: "unix:///run/envoy/admin.sock",
		StatsInterval: 5 * time.Second, MaxHeap: 1 << 30, MaxConnections: 1000,
		TLS: &TLS{CA: "/tls/ca.crt", Cert: "/tls/tls.crt", Key: "/tls/tls.key"},
	}},
	{"tls-rotated", Options{
		NodeID: "gw-3", Fleet: "edge",
		XDSAddress: "192.0.2.1:18000", AdminAddress: "127.0.0.1:19000",
		TLS: &TLS{CA: "/tls/ca.crt", Cert: "/tls/tls.crt", Key: "/tls/tls.key", SecretDir: "/etc/envoy/sds"},
	}},
	{"tls-spiffe", Options{
		NodeID: "gw-4", Fleet: "edge",
		XDSAddress: "cp.example.com:18000", AdminAddress: "127.0.0.1:19000",
		TLS: &TLS{CA: "/tls/ca.crt", Cert: "/tls/tls.crt", Key: "/tls/tls.key", ServerName: "spiffe://example.org/gateway-cp"},
	}},
}

// What is written is what an Envoy is started with for years: a change must be seen.
func TestGolden(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, err := Bootstrap(c.options)
			if err != nil {
				t.Fatal(err)
			}
			got, err := YAML(b)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".yaml", got)
			if c.options.TLS == nil || c.options.TLS.SecretDir == "" {
				return
			}
			files, err := c.options.TLS.Secrets(c.options.XDSAddress)
			if err != nil {
				t.Fatal(err)
			}
			for name, data := range files {
				golden(t, name, data)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (to update: go test ./deploy/envoy -update):\n%s", path, got)
	}
}

func TestMissingAndWrongOptions(t *testing.T) {
	good := cases[0].options
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"no node id":        {func(o *Options) { o.NodeID = "" }, "node id: must not be empty"},
		"no fleet":          {func(o *Options) { o.Fleet = "" }, "fleet: must not be empty"},
		"xds without port":  {func(o *Options) { o.XDSAddress = "cp" }, "xDS address"},
		"admin port":        {func(o *Options) { o.AdminAddress = "127.0.0.1:http" }, "the port must be a number"},
		"relative socket":   {func(o *Options) { o.XDSAddress = "unix://xds.sock" }, "not an absolute path"},
		"half a TLS":        {func(o *Options) { o.TLS = &TLS{CA: "ca.crt"} }, "needs a CA, a certificate and a key"},
		"TLS without names": {func(o *Options) { o.TLS = &TLS{CA: "a", Cert: "b", Key: "c"} }, "needs the server name"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			if _, err := Bootstrap(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// Envoy itself must take what we write, including the files of certificates.
func TestEnvoyAccepts(t *testing.T) {
	binary := findEnvoy(t)
	certs := newAuthority(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := c.options
			dir := t.TempDir()
			if o.TLS != nil {
				tls := *o.TLS
				tls.CA, tls.Cert, tls.Key = certs.write(t, dir, "gw")
				if tls.SecretDir != "" {
					tls.SecretDir = dir
					writeSecrets(t, &tls, o.XDSAddress)
				}
				o.TLS = &tls
			}
			path := writeBootstrap(t, dir, o)
			out, err := exec.Command(binary, "--mode", "validate", "-c", path).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if warnings := lines(out, "[warning]"); len(warnings) > 0 {
				t.Errorf("Envoy warns:\n%s", strings.Join(warnings, "\n"))
			}
		})
	}
}

func writeBootstrap(t *testing.T, dir string, o Options) string {
	t.Helper()
	b, err := Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeSecrets(t *testing.T, tls *TLS, xdsAddress string) {
	t.Helper()
	files, err := tls.Secrets(xdsAddress)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(tls.SecretDir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func findEnvoy(t *testing.T) string {
	t.Helper()
	path, err := envoybin.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(text []byte, with string) []string {
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, with) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
