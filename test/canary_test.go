package test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

const canaryDir = "../examples/canary"

func TestCanaryExampleIsValid(t *testing.T) {
	e := harness.New(t)
	if out, code := e.GatewayCP("validate", canaryDir); code != 0 || out != "11 objects, 0 errors, 0 warnings\n" {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// The commands of the example's README work as they are written there.
func TestCanaryReadme(t *testing.T) {
	r := newReadme(t, canaryDir)
	r.start("go run ./examples/bluegreen/shop v1", "v1")
	r.start("go run ./examples/bluegreen/shop v2", "v2")
	r.start("bin/gateway-cp run", "gateway-cp")
	curl := r.commands("curl http://localhost:" + r.ports["8080"])[0]
	r.Await("v1 answers", 20*time.Second, r.curl(curl, "v1 from "))
	do := func(prefix string) string {
		t.Helper()
		command := r.commands(prefix)[0]
		out, code := r.shell(command)
		if code != 0 {
			t.Errorf("%s: exit code %d:\n%s", command, code, out)
		}
		return out
	}
	stands := func(want ...string) {
		t.Helper()
		r.Await(fmt.Sprint(want), 20*time.Second, func() error {
			out := do("bin/gateway-cp rollout status")
			for _, w := range want {
				if !strings.Contains(out, w) {
					return fmt.Errorf("no %q in\n%s", w, out)
				}
			}
			return nil
		})
	}
	do("sed -i.bak 's/to: v1/to: v2/'")
	stands("Paused", "v2 5 %")
	r.Await("v2 answers, too", 20*time.Second, r.curl(curl, "v2 from "))
	r.Await("v2 answers testers", 20*time.Second, r.curl(r.commands("curl -H 'x-tester: yes' http://localhost:" + r.ports["8080"])[0], "v2 from "))
	do("bin/gateway-cp rollout promote")
	stands("Progressing", "v2 25 %")
	do("bin/gateway-cp rollout abort")
	stands("Aborted", "v1 100 %")
	do("bin/gateway-cp rollout retry")
	stands("Paused", "v2 5 %")
	if out := do("bin/gateway-cp rollout history"); !strings.Contains(out, "told to abort, by ") {
		t.Errorf("history:\n%s", out)
	}
}

// canaryWorld is the shop of the example, under load.
type canaryWorld struct {
	*harness.Env
	t      *testing.T
	cp     *harness.ControlPlane
	load   *harness.Load
	stream harness.Stream
	shop   string
}

func newCanaryWorld(t *testing.T) *canaryWorld {
	e := harness.New(t)
	shop, err := os.ReadFile(canaryDir + "/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	services := e.FreePort()
	w := &canaryWorld{Env: e, t: t, shop: strings.NewReplacer("pause: {duration: 1m}", "pause: {}").Replace(string(shop))}
	w.stream = harness.Stream{Name: "shop", URL: "http://" + e.Address(services) + "/", Host: "shop", Rate: 1000}
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("shop.yaml", w.shop)
	for i, b := range append(e.Backends("v1", 3), e.Backends("v2", 2)...) {
		e.Write(fmt.Sprintf("backend-%d.yaml", i), b.ProbedWorkload("shop"))
	}
	w.cp = e.Run()
	e.Await("v1 answers", 10*time.Second, w.stream.Answers("v1"))
	w.load = e.Load(w.stream)
	return w
}

// to names the version that shall have the traffic.
func (w *canaryWorld) to(version string) {
	w.Write("shop.yaml", strings.Replace(w.shop, "to: v1", "to: "+version, 1))
}

// tell runs a command on the rollout.
func (w *canaryWorld) tell(action ...string) {
	w.t.Helper()
	if out, code := w.cp.CLI(append(append([]string{"rollout"}, action...), "default/shop")...); code != 0 {
		w.t.Fatalf("rollout %v: exit code %d: %s", action, code, out)
	}
}

// stands waits until the rollout stands so on Envoy, and measures the split.
func (w *canaryWorld) stands(phase string, v2 float64) {
	w.t.Helper()
	w.cp.AwaitStatus(fmt.Sprintf("%s with %g %%", phase, v2), 15*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			for _, v := range r.Versions {
				if v.Name == "v2" && v.Percent == v2 && r.Phase == phase {
					return harness.InSync(1)(s)
				}
			}
		}
		return fmt.Errorf("%+v", s.Rollouts)
	})
	if w.Pause(300*time.Millisecond) != nil { // Envoy's threads take it over one by one
		w.t.FailNow()
	}
	from := time.Now()
	if w.Pause(700*time.Millisecond) != nil {
		w.t.FailNow()
	}
	if err := harness.Split(w.load.Samples().Within(from, time.Now()).Versions(), map[string]float64{"v1": 1 - v2/100, "v2": v2 / 100}); err != nil {
		w.t.Errorf("%s at %g %%: %v", phase, v2, err)
	}
}

// A canary goes through its steps under load: the shares are as asked, it is given up in the middle
// and returns, a kill of the control plane resumes the same step, and no request fails.
func TestCanary(t *testing.T) {
	t.Parallel()
	w := newCanaryWorld(t)
	w.to("v2")
	w.stands("Paused", 5)
	w.tell("promote")
	w.stands("Paused", 25)
	w.tell("abort")
	w.stands("Aborted", 0)
	w.tell("retry")
	w.stands("Paused", 5)
	w.tell("promote")
	w.cp.Kill()
	w.cp.Start()
	w.stands("Paused", 25)
	w.tell("promote")
	w.stands("Paused", 50)
	w.tell("promote")
	w.stands("Baking", 100)
	w.tell("promote")
	w.stands("Holding", 100)
	w.tell("undo")
	w.stands("Aborted", 0)
	samples := w.load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("failed:\n%s", text)
	}
	out, code := w.cp.CLI("rollout", "history", "default/shop")
	for _, want := range []string{"CanaryStarted", "told to promote, by ", "told to abort, by ", "CanaryPromoted", "told to undo, by "} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("history: exit code %d, without %q:\n%s", code, want, out)
		}
	}
	if resp, _, err := w.stream.Do(); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", resp, err)
	}
}
