package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// says runs a command of the CLI and checks its exit code and lines of its output.
func says(t *testing.T, c *harness.ControlPlane, code int, lines []string, args ...string) string {
	t.Helper()
	out, got := c.CLI(args...)
	if got != code {
		t.Fatalf("gateway-cp %s exits with %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, line := range lines {
		if !regexp.MustCompile("(?m)" + line).MatchString(out) {
			t.Fatalf("gateway-cp %s does not say %q:\n%s", strings.Join(args, " "), line, out)
		}
	}
	return out
}

// An Envoy that connects, takes a change, and goes: fleet says so.
func TestFleetTellsOfAnEnvoy(t *testing.T) {
	e := harness.New(t)
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("web.yaml", harness.Service("web", 80)+e.Backend("one").Workload("web"))
	c := e.Serve()
	envoy := e.StartEnvoy("gw-1", c.XDS, "--zone", "z1", "--node-name", "n1")
	envoy.AwaitLive()
	c.AwaitStatus("it is in sync", 20*time.Second, harness.InSync(1))
	says(t, c, 0, []string{`^gw-1 +default +z1 +n1 +envoy 1\.\d+\.\d+ +connected +20\S+Z +yes +- +- +-$`}, "fleet")

	c.Apply(20*time.Second, func() { e.Write("more.yaml", harness.Service("more", 80)) })
	e.Await("the change was measured", 10*time.Second, func() error {
		s, err := c.Status()
		if err != nil {
			return err
		}
		if ch := s.Envoys[0].LastChange; ch == nil || ch.TookSeconds <= 0 || ch.Number != s.Envoys[0].Applied {
			return fmt.Errorf("%+v", ch)
		}
		return nil
	})
	says(t, c, 0, []string{`^gw-1 .* connected +20\S+Z +yes +- +20\S+Z +\S+s$`}, "fleet")
	says(t, c, 0, []string{`^In sync: +yes$`, `^Last change: +number \d+, acknowledged at 20\S+Z, \S+ after it came$`, `^cluster +2 +2 +0 +0$`}, "fleet", "gw-1")
	if text := c.Metrics(); !regexp.MustCompile(`(?m)^gateway_cp_change_ack_seconds_count\{fleet="default"\} [1-9]`).MatchString(text) {
		t.Errorf("the change is not in the metrics:\n%s", text)
	}
	socket := filepath.Join(e.Dir, "gateway-cp-serve.sock")
	if out, _ := e.GatewayCP("__complete", "fleet", "--admin-socket", socket, "g"); !strings.HasPrefix(out, "gw-1\tdefault, connected\n") {
		t.Errorf("completion gives %q", out)
	}

	envoy.Kill()
	c.AwaitStatus("it is gone", 20*time.Second, func(s admin.Status) error {
		if len(s.Envoys) != 1 || s.Envoys[0].Connected {
			return fmt.Errorf("%+v", s.Envoys)
		}
		return nil
	})
	says(t, c, 0, []string{`^gw-1 .* gone +20\S+Z +- `}, "fleet")
	says(t, c, 1, []string{`^State: +gone since 20`}, "fleet", "gw-1")
}

// Two Envoys that were given the same id are both shown, with a problem that says so.
func TestTwoEnvoysWithOneID(t *testing.T) {
	e := harness.New(t)
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("web.yaml", harness.Service("web", 80))
	c := e.Serve()
	one := e.StartEnvoy("gw-1", c.XDS)
	one.AwaitLive()
	two := e.StartEnvoy("gw-1", c.XDS)
	two.AwaitLive()
	n := 0
	c.AwaitStatus("both are shown", 60*time.Second, func(s admin.Status) error {
		// What the elder of the two says a second after the younger came shows that it lives.
		n++
		e.Write("more.yaml", harness.Service(fmt.Sprintf("more-%d", n), 80))
		if err := e.Pause(300 * time.Millisecond); err != nil {
			return err
		}
		if len(s.Envoys) != 2 || !s.Envoys[0].SharesID || !s.Envoys[1].SharesID || s.Envoys[0].Address == s.Envoys[1].Address {
			return fmt.Errorf("%+v", s.Envoys)
		}
		return nil
	})
	says(t, c, 0, []string{`^Envoy gw-1 \(from 127\.\S+\) has the same node id as another Envoy`}, "fleet")
	says(t, c, 0, []string{`2 Envoys say that they are gw-1: they connect from 127\.\S+, 127\.\S+ .*\[DuplicateNodeID\]`}, "fleet", "problems")

	two.Kill()
	c.AwaitStatus("one is left, and connected", 20*time.Second, func(s admin.Status) error {
		if len(s.Envoys) != 1 || !s.Envoys[0].Connected || s.Envoys[0].SharesID {
			return fmt.Errorf("%+v", s.Envoys)
		}
		for _, p := range s.Problems {
			if p.Reason == api.ReasonDuplicateNodeID {
				return fmt.Errorf("%s", p)
			}
		}
		return nil
	})
	if err := one.Live(); err != nil {
		t.Error(err)
	}
	e.Await("the log says that it is solved", 10*time.Second, func() error {
		if log := c.Log(); !strings.Contains(log, `problem solved" problem="warning: 2 Envoys say`) || strings.Contains(log, "envoy disconnected") {
			return fmt.Errorf("it does not")
		}
		return nil
	})
}

// A listener that Envoy refuses is missing there; diff says so with Envoy's words, and says that
// all is well when it is.
func TestDiffOfARefusedListener(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	taken, err := net.Listen("tcp", e.Address(port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port))
	e.Write("web.yaml", harness.Service("web", 80)+e.Backend("one").Workload("web")+harness.Route("web", "web.example.com", 80))
	c := e.Run()
	c.AwaitStatus("it is refused", 20*time.Second, func(s admin.Status) error {
		if len(s.Envoys) != 1 || len(s.Envoys[0].Refused) != 1 {
			return fmt.Errorf("%+v", s.Envoys)
		}
		return nil
	})
	e.Await("diff says so", 20*time.Second, func() error {
		out, code := c.CLI("fleet", "diff", "gw-1")
		for _, line := range []string{
			fmt.Sprintf("listener %s: missing there\n", e.Address(port)), "  the Envoy refuses http: Error adding", "Address already in use\n",
			fmt.Sprintf("route %s: missing there\n  the Envoy asks for it once it has what names it\n", e.Address(port)), "2 differences, ",
		} {
			if code != 1 || !strings.Contains(out, line) {
				return fmt.Errorf("it exits with %d and does not say %q:\n%s", code, line, out)
			}
		}
		return nil
	})

	c.Apply(40*time.Second, func() { e.Write("gateway.yaml", harness.Gateway(e.FreePort())) })
	e.Await("all is well", 20*time.Second, func() error {
		if out, code := c.CLI("fleet", "diff", "gw-1"); code != 0 || !strings.Contains(out, "has what it should") {
			return fmt.Errorf("%d: %s", code, out)
		}
		return nil
	})
}

// A listener drains, with a request that is still running: what it needs is no difference.
func TestDiffWhileAListenerDrains(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	e.Write("gateway.yaml", harness.Gateway(port))
	e.Write("web.yaml", harness.Service("web", 80)+e.Backend("one").Workload("web")+harness.Route("web", "web.example.com", 80))
	c := e.Run()
	stream := harness.Stream{URL: "http://" + e.Address(port) + "/", Host: "web.example.com"}
	e.Await("web answers", 20*time.Second, stream.Answers("one"))
	stream.URL += "?delay=4s"
	answered := make(chan error, 1)
	go func() { answered <- stream.Answers("one")() }()
	_ = e.Pause(300 * time.Millisecond)
	c.Apply(20*time.Second, func() {
		e.Remove("gateway.yaml")
		e.Remove("web.yaml")
	})
	says(t, c, 0, []string{
		`^On its way out, kept: cluster default/web/80 \(route \S+ sends requests to it, and is still in use there\)\.$`,
		`^On its way out, kept: .*route ` + regexp.QuoteMeta(e.Address(port)) + ` \(the Envoy drops it with the listener`,
		`^Envoy gw-1 has what it should: `,
	}, "fleet", "diff", "gw-1")
	out, _ := c.CLI("fleet", "diff", "gw-1", "-o", "json")
	if !strings.Contains(out, `"differences": []`) || !regexp.MustCompile(`"kept": \[\s+\{\s+"type": "cluster",\s+"name": "default/web/80",`).MatchString(out) {
		t.Error(out)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// An Envoy that is fed by something else has nothing of ours, and something of theirs.
func TestDiffOfAnEnvoyThatSomethingElseFeeds(t *testing.T) {
	e := harness.New(t)
	port := e.FreePort()
	e.Write("fleet.yaml", e.Fleet(port))
	e.Write("web.yaml", harness.Service("web", 80))
	c := e.Serve()
	address := e.Address(e.FreePort())
	clusters := filepath.Join(e.Dir, "clusters.yaml")
	write(t, clusters, `version_info: "7"
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: default/web/80
  connect_timeout: 9s
  type: STATIC
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: theirs
  connect_timeout: 1s
  type: STATIC
`)
	bootstrap := filepath.Join(e.Dir, "other.yaml")
	host, adminPort, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	write(t, bootstrap, fmt.Sprintf(`node: {id: gw-9, cluster: default}
admin: {address: {socket_address: {address: %s, port_value: %s}}}
dynamic_resources: {cds_config: {resource_api_version: V3, path_config_source: {path: %s}}}
`, host, adminPort, clusters))
	e.Start("other-envoy", e.EnvoyBinary(), "-c", bootstrap, "--disable-hot-restart", "--concurrency", "1")
	e.Await("the other Envoy has its clusters", 30*time.Second, func() error {
		out, code := c.CLI("fleet", "diff", "gw-9", "--envoy-admin", address)
		if code != 1 || !strings.Contains(out, "theirs") {
			return fmt.Errorf("%d: %s", code, out)
		}
		return nil
	})
	out := says(t, c, 1, []string{
		`^Envoy gw-9 has never connected here; it is compared with what one of the fleet default would get\.$`,
		`^cluster theirs: extra there$`,
		`^cluster default/web/80: different \(has version 7, should have [0-9a-f]+\)$`,
		`^  \+ connect_timeout: "5s"$`, `^  - connect_timeout: "9s"$`,
		`^listener ` + regexp.QuoteMeta(e.Address(port)) + `: missing there$`,
	}, "fleet", "diff", "gw-9", "--envoy-admin", address)
	t.Log(out)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
