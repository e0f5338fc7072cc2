package test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/test/apiserver"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// leaderWorld is a canary that moves, three replicas of gateway-cp of which one leads, and an Envoy.
type leaderWorld struct {
	*harness.Env
	server   *apiserver.Server
	replicas map[string]*harness.ControlPlane
	seen     <-chan *unstructured.Unstructured
	last     standing
	manifest string // of the Rollout, while it moves
	stream   harness.Stream
	load     *harness.Load
}

// standing is where the canary stands, as it is stored.
type standing struct {
	epoch         int64
	holder        string
	moves, weight int32
}

// The replica that leads is killed again and again in the middle of a rollout. Another one goes on with the same step,
// every share follows on the one before, and no request notices.
func TestKubernetesLeaderIsKilled(t *testing.T) {
	t.Parallel()
	apiserver.Assets(t)
	w := newLeaderWorld(t)
	w.start()
	kills := 5
	if soaking {
		kills = 50
	}
	var slowest time.Duration
	for n := range kills {
		w.moves(1)
		slowest = max(slowest, w.kill(n))
	}
	w.moves(2)
	w.appliedAgain()
	samples := w.load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	t.Logf("%d leaders killed, the next one had decided after at most %s; %d requests, %.0f a second, p99 %s; the canary has %g %%",
		kills, slowest.Round(time.Millisecond), len(samples), samples.Rate(), samples.Quantile(0.99), float64(w.last.weight)/100)
	if slowest > 15*time.Second {
		t.Errorf("it took %s until the next leader had decided", slowest)
	}
	w.handsOver()
}

func newLeaderWorld(t *testing.T) *leaderWorld {
	w := &leaderWorld{Env: harness.New(t), replicas: map[string]*harness.ControlPlane{}}
	w.server = apiserver.Start(t, apiserver.Options{Users: map[string]string{"gateway-cp": shippedUser}})
	applyShipped(t, w.server)
	port := w.FreePort()
	w.server.Apply(w.Fleet(port) + harness.Service("web", 80) +
		w.Backend("one").Workload("web") + w.Backend("two").Workload("web"))
	w.stream = harness.Stream{Name: "web", URL: "http://" + w.Address(port) + "/", Host: "web", Rate: 300}
	lease := []string{"--lease-duration", "2s", "--lease-renew-deadline", "1500ms", "--lease-retry-period", "250ms"}
	if soaking {
		lease = nil // as shipped
	}
	for _, name := range []string{"a", "b", "c"} {
		w.replicas[name] = w.ReplicaKube(name, w.server.Kubeconfig("gateway-cp"),
			append([]string{"--xds-insecure", "--replica-address", w.Address(w.FreePort())}, lease...)...)
	}
	return w
}

// move is how much the share grows, each second.
const move = 80

// start brings everything up, with all traffic on one, and begins with two.
func (w *leaderWorld) start() {
	w.Helper()
	w.server.Apply(w.rollout("one", nil))
	var addresses []string
	for _, name := range []string{"a", "b", "c"} {
		w.replicas[name].Start()
		addresses = append(addresses, w.replicas[name].XDS)
	}
	w.StartEnvoy("gw-1", strings.Join(addresses, ","))
	w.Await("an answer", 20*time.Second, w.stream.Answers("one"))
	w.load = w.Load(w.stream)
	w.seen = w.server.Watch("gateway-cp.io/v1alpha1", "Rollout", "default", "web")
	w.manifest = w.rollout("two", []string{fmt.Sprintf("{ramp: {from: 10, to: 90, over: %ds}}", 8000/move)})
	w.server.Apply(w.manifest)
	w.await("the canary begins", 30*time.Second, func(s standing) bool { return s.weight > 0 })
}

func (w *leaderWorld) rollout(to string, steps []string) string {
	return fmt.Sprintf(`apiVersion: gateway-cp.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: default}
spec:
  targetRef: {name: web}
  versions: [{name: one, selector: {version: one}}, {name: two, selector: {version: two}}]
  canary: {to: %s, steps: [%s]}
`, to, strings.Join(steps, ", "))
}

// await follows the Rollout until what is stored is as asked. Every share must follow on the one before.
func (w *leaderWorld) await(what string, bound time.Duration, is func(standing) bool) {
	w.Helper()
	late := time.After(bound)
	for {
		select {
		case object, ok := <-w.seen:
			if !ok {
				w.Fatalf("%s: the watch has ended", what)
			}
			now, stored := standingOf(w, object)
			if !stored {
				continue
			}
			if before := w.last; before.weight > 0 {
				switch grown := now.weight - before.weight; {
				case now.epoch < before.epoch:
					w.Errorf("%+v was written after %+v", now, before)
				case now.epoch > before.epoch && (now.moves != before.moves || grown != 0):
					w.Errorf("the next leader goes on at %+v, not where the one before was: %+v", now, before)
				case grown != 0 && grown != move:
					w.Errorf("the share jumps from %+v to %+v", before, now)
				}
			}
			if w.last = now; is(now) {
				return
			}
		case <-late:
			w.Fatalf("%s: not within %s; the Rollout is at %+v", what, bound, w.last)
		}
	}
}

func standingOf(w *leaderWorld, object *unstructured.Unstructured) (standing, bool) {
	w.Helper()
	var r v1alpha1.Rollout
	data, err := json.Marshal(object.Object)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		w.Fatalf("%v", err)
	}
	if r.Status.State == nil {
		return standing{}, false
	}
	var state struct {
		Versions []struct {
			Name   string
			Weight int32
		}
		Canary struct{ Moves int32 }
	}
	if err := json.Unmarshal([]byte(r.Status.State.Data), &state); err != nil {
		w.Fatalf("%v", err)
	}
	s := standing{epoch: r.Status.State.Epoch, holder: r.Status.State.Holder, moves: state.Canary.Moves}
	for _, v := range state.Versions {
		if v.Name == "two" {
			s.weight = v.Weight
		}
	}
	return s, true
}

// moves waits until the canary has got so many shares more.
func (w *leaderWorld) moves(n int32) {
	w.Helper()
	until := w.last.weight + move*n
	w.await(fmt.Sprintf("the canary gets %d shares more", n), 60*time.Second, func(s standing) bool { return s.weight >= until })
}

// kill kills the replica that leads, and gives how long it took until another one had decided.
func (w *leaderWorld) kill(n int) time.Duration {
	w.Helper()
	before := w.last
	killed := time.Now()
	w.replicas[before.holder].Kill()
	w.await("another replica leads", 30*time.Second, func(s standing) bool { return s.epoch > before.epoch })
	took := time.Since(killed)
	// What the first one had stored, and did not come to put into effect, is in effect by now at the latest.
	samples := w.load.Samples().Within(killed.Add(300*time.Millisecond), time.Now())
	counts := samples.Versions()
	share, want := float64(counts["two"])/float64(len(samples)), float64(before.weight)/10000
	if sigma := math.Sqrt(want * (1 - want) / float64(len(samples))); math.Abs(share-want) > 5*sigma+0.005 {
		w.Errorf("kill %d: without a leader, %.1f %% of %d requests went to the canary, want %.1f %%", n, 100*share, len(samples), 100*want)
	}
	w.replicas[before.holder].Start()
	return took
}

// appliedAgain applies the manifest again and again, as what keeps a cluster like a Git repository does: nothing comes of it.
func (w *leaderWorld) appliedAgain() {
	w.Helper()
	generation := func() int64 {
		r, err := w.server.Get("gateway-cp.io/v1alpha1", "Rollout", "default", "web")
		if err != nil {
			w.Fatalf("%v", err)
		}
		return r.GetGeneration()
	}
	before, times := generation(), counts(30)
	for range times {
		w.server.Apply(w.manifest)
		w.moves(1) // in a second, as far as it would go anyway
	}
	if after := generation(); after != before {
		w.Errorf("the spec has changed %d times, while the same manifest was applied %d times", after-before, times)
	}
}

// handsOver stops the leader as a rolling update does: another leads at once.
func (w *leaderWorld) handsOver() {
	w.Helper()
	before := w.last
	stopped := time.Now()
	w.replicas[before.holder].Terminate(10 * time.Second)
	w.await("another replica leads", 20*time.Second, func(s standing) bool { return s.epoch > before.epoch })
	w.Logf("a leader that ends is replaced after %s", time.Since(stopped).Round(time.Millisecond))
	next := w.replicas[w.last.holder]
	next.AwaitStatus("the others follow", 20*time.Second, func(s admin.Status) error {
		if s.Replica == nil || len(s.Replica.Followers) < 1 {
			return fmt.Errorf("%+v", s.Replica)
		}
		return harness.InSync(1)(s)
	})
	out, code := next.CLI("rollout", "history", "default/web")
	if code != 0 || !strings.Contains(out, "CanaryStarted") && !strings.Contains(out, "WeightsChanged") {
		w.Errorf("rollout history exits with %d and says\n%s", code, out)
	}
}
