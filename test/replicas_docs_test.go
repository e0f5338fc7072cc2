package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// The example of docs/replicas.md does what the page says.
func TestReplicasPage(t *testing.T) {
	e := harness.New(t)
	page, err := os.ReadFile("../docs/replicas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	// Every world has an address of its own, on which the ports of the page are free.
	block = strings.ReplaceAll(strings.ReplaceAll(block, "\\\n", " "), "127.0.0.1", e.IP.String())
	e.Write("web.yaml", e.Fleet(e.FreePort())+harness.Service("web", 80))
	commands := 0
	for line := range strings.Lines(block) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		commands++
		args := words[1:]
		switch args[0] {
		case "serve":
			e.Start(fmt.Sprintf("gateway-cp-%d", commands), e.Binary(), args...)
		case "bootstrap":
			startEnvoyOfPage(e, args)
		case "fleet":
			args[len(args)-1] = filepath.Join(e.Dir, args[len(args)-1])
			e.Await("fleet says what the page says", 30*time.Second, func() error {
				out, _ := e.GatewayCP(args...)
				for _, want := range []string{"Replica: a leads", "Replica: b follows since", "gw-1"} {
					if !strings.Contains(out, want) {
						return fmt.Errorf("no %q in\n%s", want, out)
					}
				}
				return nil
			})
		default:
			t.Errorf("what is %s?", line)
		}
	}
	if commands != 4 {
		t.Errorf("%d commands", commands)
	}
}

func startEnvoyOfPage(e *harness.Env, args []string) {
	e.Helper()
	file, is := strings.CutPrefix(args[len(args)-1], ">")
	if !is {
		e.Fatalf("%v does not write a file", args)
	}
	out, code := e.GatewayCP(append(args[:len(args)-1], "--envoy-admin-address", e.Address(e.FreePort()))...)
	if code != 0 {
		e.Fatalf("%s", out)
	}
	if err := os.WriteFile(filepath.Join(e.Dir, file), []byte(out), 0o600); err != nil {
		e.Fatalf("%v", err)
	}
	e.Start("envoy-gw-1", e.EnvoyBinary(), "-c", filepath.Join(e.Dir, file), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning")
}
