package harness

import (
	"fmt"
	"testing"
	"time"
)

// The whole chain once: run and serve, each with a real Envoy, kill -9 and adoption, and
// nothing left behind.
func TestWorldsComeAndGo(t *testing.T) {
	var dir string
	t.Run("world", func(t *testing.T) {
		e := New(t)
		dir = e.Dir
		b := e.Backend("blue")
		port := e.FreePort()
		e.Write("fleet.yaml", e.Fleet(port))
		e.Write("web.yaml", Service("web", 80)+b.Workload("web"))
		c := e.Run()
		s := Stream{URL: "http://" + e.Address(port) + "/", Host: "web"}
		e.Await("web answers", 10*time.Second, s.Answers("blue"))
		before := c.SupervisedEnvoys()
		c.Kill()
		c.Start()
		if after := c.SupervisedEnvoys(); fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 1 {
			t.Errorf("Envoys before %v, after %v", before, after)
		}
		serve := e.Serve()
		second := e.FreePort()
		e.Write("fleet.yaml", e.Fleet(second))
		c.Terminate(time.Minute)
		envoy := e.StartEnvoy("gw-2", serve.XDS)
		envoy.AwaitLive()
		envoy.AwaitHosts("default/web/80", 10*time.Second, b.Address.String())
		serve.AwaitStatus("Envoy is in sync", 10*time.Second, InSync(1))
		s.URL = "http://" + e.Address(second) + "/"
		e.Await("web answers from the second Envoy", 10*time.Second, s.Answers("blue"))
	})
	if dir == "" {
		return // the world did not even begin
	}
	e := &Env{T: t, Dir: dir}
	if left := e.Processes(dir); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}
