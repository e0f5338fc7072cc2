package test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

const exampleDir = "../examples/bluegreen"

// The example is what users copy: nothing in it may even be warned about.
func TestExampleIsValid(t *testing.T) {
	e := harness.New(t)
	if out, code := e.GatewayCP("validate", exampleDir); code != 0 || out != "11 objects, 0 errors, 0 warnings\n" {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// The commands of the example's README work as they are written there, but for ports, which
// may be taken, and places.
func TestExampleReadme(t *testing.T) {
	r := newReadme(t, exampleDir)
	r.start("go run ./examples/bluegreen/shop blue", "blue")
	r.start("go run ./examples/bluegreen/shop green", "green")
	gatewayCP := r.start("bin/gateway-cp run", "gateway-cp")
	for _, command := range r.commands("curl http://localhost:"+r.ports["8080"], "curl -H 'Host: shop'") {
		r.Await(command, 20*time.Second, r.curl(command, "blue from "))
	}
	if out, code := r.shell(r.commands("bin/gateway-cp validate")[0]); code != 0 {
		t.Errorf("validate: exit code %d: %s", code, out)
	}
	if out, code := r.shell(r.commands("bin/gateway-cp fleet")[0]); code != 0 || !strings.Contains(out, "delta") && !strings.Contains(out, "yes") {
		t.Errorf("fleet: exit code %d: %s", code, out)
	}
	r.Await("ready", 10*time.Second, r.curl("curl http://localhost:"+r.ports["18080"]+"/readyz", "ok"))
	for _, step := range []struct{ command, version string }{{"active: blue/active: green", "green"}, {"active: green/active: blue", "blue"}} {
		if out, code := r.shell(r.commands("sed -i.bak 's/" + step.command)[0]); code != 0 {
			t.Fatalf("sed: %s", out)
		}
		for _, command := range r.commands("curl http://localhost:"+r.ports["8080"], "curl -H 'Host: shop'") {
			r.Await(step.command, 20*time.Second, r.curl(command, step.version+" from "))
		}
	}
	gatewayCP.Signal(syscall.SIGINT)
	if err := gatewayCP.Wait(45 * time.Second); err != nil {
		t.Errorf("gateway-cp after Ctrl-C: %v", err)
	}
}

// readme is the README of a copy of the example, on free ports.
type readme struct {
	*harness.Env
	text    string
	program string // how the README starts its own
	ports   map[string]string
}

func newReadme(t *testing.T, dir string) *readme {
	r := &readme{Env: harness.New(t), ports: map[string]string{}}
	var swaps []string
	for _, port := range []string{
		"10080", "18080", "8080", "9001", "9002", "9003", "9011", "9012", "9013", "9021", "9022", "9023", "9024", "9025", "9026", "9027",
	} {
		r.ports[port] = fmt.Sprint(r.FreePort())
		swaps = append(swaps, port, r.ports[port])
	}
	free := strings.NewReplacer(swaps...)
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Base(path) != "README.md" {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if text := free.Replace(string(data)); filepath.Base(path) == "README.md" {
			r.text = text
		} else {
			r.Write(path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Write("fleet.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec: {addresses: [127.0.0.1], serviceListener: {address: 127.0.0.1, port: %s}}
`, r.ports["10080"]))
	shop := filepath.Join(r.Dir, "shop")
	program := exampleDir + "/shop" // unless the example has its own
	if _, err := os.Stat(dir + "/shop"); err == nil {
		program = dir + "/shop"
	}
	r.program = "go run ." + strings.TrimPrefix(program, "..")
	build := exec.Command("go", "build", "-o", shop, program)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.text = strings.NewReplacer(r.program, shop, "bin/gateway-cp", r.Binary(),
		strings.TrimPrefix(dir, "../"), r.Manifests).Replace(r.text)
	for name, value := range map[string]string{
		"ENVOY": r.EnvoyBinary(), "XDG_STATE_HOME": r.Dir, "XDG_RUNTIME_DIR": "",
		"GATEWAY_CP_HTTP_ADDRESS": "127.0.0.1:" + r.ports["18080"], "GATEWAY_CP_ENVOY_ADMIN_ADDRESS": r.Address(r.FreePort()),
	} {
		t.Setenv(name, value)
	}
	return r
}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// commands gives the lines of the README that begin so, as users wrote them before their places
// were changed.
func (r *readme) commands(prefixes ...string) []string {
	var found []string
	for _, prefix := range prefixes {
		prefix = strings.NewReplacer(r.program, filepath.Join(r.Dir, "shop"), "bin/gateway-cp", r.Binary()).Replace(prefix)
		before := len(found)
		for _, block := range shellBlock.FindAllStringSubmatch(r.text, -1) {
			for line := range strings.Lines(block[1]) {
				if strings.HasPrefix(line, prefix) {
					found = append(found, strings.TrimSpace(line))
				}
			}
		}
		if len(found) == before {
			r.Fatalf("the README has no command that begins with %q", prefix)
		}
	}
	return found
}

// start runs a command that does not end by itself.
func (r *readme) start(prefix, name string) *harness.Process {
	return r.Start(name, "/bin/sh", "-c", "exec "+r.commands(prefix)[0])
}

func (r *readme) shell(command string) (output string, code int) {
	cmd := exec.Command("/bin/sh", "-c", command)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatalf("%s: %v", command, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

var curlCommand = regexp.MustCompile(`^curl (?:-H '([^:]+): (\S+)' )?(http://\S+)$`)

// curl is a check that does what curl would: not every machine has it.
func (r *readme) curl(command, want string) func() error {
	m := curlCommand.FindStringSubmatch(command)
	if m == nil {
		r.Fatalf("curl is used in a way that this test does not know: %s", command)
	}
	return func() error {
		s := harness.Stream{URL: m[3], Header: http.Header{}}
		if m[1] == "Host" {
			s.Host = m[2]
		} else if m[1] != "" {
			s.Header.Set(m[1], m[2])
		}
		resp, body, err := s.Do()
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(body, want) {
			return fmt.Errorf("%s: %s", resp.Status, body)
		}
		return nil
	}
}
