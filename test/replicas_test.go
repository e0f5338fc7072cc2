package test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// replicasWorld is a replica that leads, one that follows it, and an Envoy that prefers each.
// The Envoys are of a fleet of their own, so that their answers can be told apart.
type replicasWorld struct {
	*harness.Env
	leader, follower *harness.ControlPlane
	streams          []harness.Stream
	load             *harness.Load
	workloads        string
}

// One replica decides for all, nobody notices when one dies, and without the one that decides
// everything stays as it is.
func TestReplicas(t *testing.T) {
	t.Parallel()
	w := newReplicasWorld(t)
	w.start()
	w.aFlipWaitsForTheEnvoysOfAll()
	w.theLeaderDiesInTheMiddle()
	w.theFollowerDiesAsWell()
	w.theLeaderReturns()
	w.theFollowerDies()
	samples := w.load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d requests, %.0f a second, p99 %s", len(samples), samples.Rate(), samples.Quantile(0.99))
}

func newReplicasWorld(t *testing.T) *replicasWorld {
	w := &replicasWorld{Env: harness.New(t)}
	var fleets strings.Builder
	for _, fleet := range []string{"a", "b"} {
		port := w.FreePort()
		fmt.Fprintf(&fleets, `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: %s}
spec:
  addresses: [%q]
  serviceListener: {address: %q, port: %d}
  drainTime: 1s
---
`, fleet, w.IP, w.IP, port)
		w.streams = append(w.streams, harness.Stream{Name: fleet, URL: "http://" + w.Address(port) + "/", Host: "web.default", Rate: 200})
	}
	w.Write("fleets.yaml", fleets.String())
	replication := w.Address(w.FreePort())
	w.leader = w.Replica("a", "--replica-address", replication)
	w.follower = w.Replica("b", "--follow", replication)
	return w
}

// start brings everything up, with all traffic on blue.
func (w *replicasWorld) start() {
	w.Helper()
	w.deploy("blue", true)
	w.rollout("blue", "blue")
	w.Write("web.yaml", harness.Service("web", 80))
	w.follower.StartOnly() // it has nothing to go by, and so lets nobody in, until there is a leader
	w.leader.Start()
	w.follower.AwaitReady()
	addresses := w.leader.XDS + "," + w.follower.XDS
	w.startEnvoy("a", w.leader, addresses)
	w.startEnvoy("b", w.follower, addresses)
	w.leader.AwaitStatus("the leader sees both Envoys in sync, each at its replica", 30*time.Second, func(s admin.Status) error {
		for _, e := range s.Envoys {
			if at := e.Replica; at != map[string]string{"a": "", "b": "b"}[e.Fleet] {
				return fmt.Errorf("Envoy %s is at %q", e.ID, at)
			}
		}
		return harness.InSync(2)(s)
	})
	for _, s := range w.streams {
		w.Await("blue answers", 20*time.Second, s.Answers("blue"))
	}
	w.load = w.Load(w.streams...)
}

// startEnvoy starts an Envoy that knows both replicas and is at one of them: it chooses by itself,
// and so is started until it has chosen that one.
func (w *replicasWorld) startEnvoy(fleet string, at *harness.ControlPlane, addresses string) {
	w.Helper()
	for range 30 {
		e := w.StartEnvoy("gw-"+fleet, addresses, "--fleet", fleet, "--envoy-stats-interval", "200ms")
		e.AwaitLive()
		s, err := at.Status()
		if err != nil {
			w.Fatalf("%v", err)
		}
		for _, known := range s.Named(e.ID) {
			if known.Connected && known.Replica == "" {
				return
			}
		}
		e.Kill()
	}
	w.Fatalf("Envoy of fleet %s never chose %s", fleet, at.XDS)
}

// deploy starts a version.
func (w *replicasWorld) deploy(version string, healthy bool) *harness.Backend {
	w.Helper()
	b := w.Backend(version)
	b.SetHealthy(healthy)
	w.workloads += b.ProbedWorkload("web")
	w.Write("workloads.yaml", w.workloads)
	return b
}

func (w *replicasWorld) rollout(active string, names ...string) {
	w.Helper()
	var versions []string
	for _, n := range names {
		versions = append(versions, fmt.Sprintf("{name: %s, selector: {version: %[1]s}}", n))
	}
	w.Write("rollout.yaml", fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web}
spec:
  targetRef: {name: web}
  versions: [%s]
  blueGreen: {active: %s}
`, strings.Join(versions, ", "), active))
}

// answeredOnlyBy fails when a request that began after a moment was answered by another version.
func (w *replicasWorld) answeredOnlyBy(version string, since time.Time) {
	w.Helper()
	for got, n := range w.load.Samples().Within(since, time.Now()).Versions() {
		if got != version {
			w.Errorf("%d requests were answered by %q, want %s only", n, got, version)
		}
	}
}

// awaitAnswers waits until both Envoys send to a version.
func (w *replicasWorld) awaitAnswers(version string, since time.Time) {
	w.Helper()
	for _, s := range w.streams {
		w.Await(version+" answers in fleet "+s.Name, 30*time.Second, func() error {
			return w.load.Samples().AnsweredBy(s.Name, version, since)
		})
	}
}

// While the follower says nothing of its Envoy, the leader moves no traffic, not even on its own.
func (w *replicasWorld) aFlipWaitsForTheEnvoysOfAll() {
	w.Helper()
	// The leader waits for Envoys after its start anyway; that is not what is asked here.
	if err := w.Pause(5 * time.Second); err != nil {
		w.Fatalf("%v", err)
	}
	w.follower.Freeze()
	began := time.Now()
	w.deploy("green", true)
	w.rollout("green", "blue", "green")
	w.leader.AwaitStatus("the leader waits for the follower's Envoy", 30*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			if r.Phase == "Waiting" && strings.Contains(r.Message, "ready on 1 of 2 Envoys, not on gw-b") {
				return nil
			}
		}
		return fmt.Errorf("rollouts: %+v", s.Rollouts)
	})
	w.answeredOnlyBy("blue", began)
	w.follower.Signal(syscall.SIGCONT)
	w.awaitAnswers("green", began)
}

// The leader is killed while a flip waits. Its Envoy goes to the follower, which changes nothing.
func (w *replicasWorld) theLeaderDiesInTheMiddle() {
	w.Helper()
	w.inSync(w.leader, 2)
	third := w.deploy("red", false)
	w.rollout("red", "green", "red")
	w.follower.AwaitStatus("the follower knows that the flip waits", 10*time.Second, func(s admin.Status) error {
		for _, r := range s.Rollouts {
			if r.Phase == "Waiting" && strings.Contains(r.Message, "red ") {
				return nil
			}
		}
		return fmt.Errorf("rollouts: %+v", s.Rollouts)
	})
	killed := time.Now()
	w.leader.Kill()
	w.inSync(w.follower, 2)
	w.Logf("the Envoy of the leader was at the follower %s after the leader's end", w.reconnected(w.follower, "a").Sub(killed))
	w.sentNothing(w.follower, "a")
	third.SetHealthy(true)
	if err := w.Pause(2 * time.Second); err != nil {
		w.Fatalf("%v", err)
	}
	w.answeredOnlyBy("green", killed)
}

// A follower that starts without a leader goes on with what it was told.
func (w *replicasWorld) theFollowerDiesAsWell() {
	w.Helper()
	killed := time.Now()
	w.follower.Kill()
	w.follower.Start()
	w.inSync(w.follower, 2)
	w.sentNothing(w.follower, "a", "b")
	w.answeredOnlyBy("green", killed)
	w.follower.AwaitStatus("the follower says that it has no leader", 5*time.Second, func(s admin.Status) error {
		if s.Replica == nil || s.Replica.Leader == nil || s.Replica.Leader.Followed || s.Replica.Leader.Problem == "" {
			return fmt.Errorf("replica: %+v", s.Replica)
		}
		return nil
	})
}

// The leader goes on where it was, now that the version is healthy on the follower's Envoys.
func (w *replicasWorld) theLeaderReturns() {
	w.Helper()
	began := time.Now()
	w.leader.Start()
	w.awaitAnswers("red", began)
	out, code := w.leader.CLI("fleet")
	if code != 0 || !strings.Contains(out, "Replica: a leads, at position 1.") || !strings.Contains(out, "Replica: b follows since") {
		w.Errorf("fleet exits with %d and says\n%s", code, out)
	}
	w.inSync(w.leader, 2)
}

// What the follower serves is what the leader serves: its Envoys need nothing when they move.
func (w *replicasWorld) theFollowerDies() {
	w.Helper()
	killed := time.Now()
	w.follower.Kill()
	w.leader.AwaitStatus("both Envoys are at the leader", 20*time.Second, func(s admin.Status) error {
		for _, e := range s.Envoys {
			if e.Replica != "" {
				return fmt.Errorf("Envoy %s is at %s", e.ID, e.Replica)
			}
		}
		return harness.InSync(2)(s)
	})
	w.Logf("the Envoys of the follower were at the leader %s and %s after its end",
		w.reconnected(w.leader, "a").Sub(killed), w.reconnected(w.leader, "b").Sub(killed))
	w.sentNothing(w.leader, "a", "b")
	w.answeredOnlyBy("red", killed)
}

func (w *replicasWorld) inSync(c *harness.ControlPlane, n int) {
	w.Helper()
	c.AwaitStatus("everybody is in sync", 20*time.Second, harness.InSync(n))
}

// envoy is the connected Envoy of a fleet.
func (w *replicasWorld) envoy(c *harness.ControlPlane, fleet string) admin.EnvoyStatus {
	w.Helper()
	s, err := c.Status()
	if err != nil {
		w.Fatalf("%v", err)
	}
	for _, e := range s.Envoys {
		if e.Fleet == fleet && e.Connected {
			return e
		}
	}
	w.Fatalf("no Envoy of fleet %s is connected", fleet)
	return admin.EnvoyStatus{}
}

func (w *replicasWorld) reconnected(c *harness.ControlPlane, fleet string) time.Time {
	w.Helper()
	return w.envoy(c, fleet).Since
}

// sentNothing fails when an Envoy that came was sent anything: versions are the same everywhere.
func (w *replicasWorld) sentNothing(c *harness.ControlPlane, fleets ...string) {
	w.Helper()
	for _, fleet := range fleets {
		if e := w.envoy(c, fleet); e.Resources > 0 {
			w.Errorf("Envoy %s was sent %d resources when it came, though it had them all", e.ID, e.Resources)
		}
	}
}
