package rollout

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// TestKilledProcess is not a test: it is the process that TestKilledAtAnyMoment kills. Its clock begins
// at killedSince and runs killedSpeed times as fast.
const (
	killedDir   = "GATEWAY_CP_TEST_KILLED_DIR"
	killedSince = "GATEWAY_CP_TEST_KILLED_SINCE"
	killedSpeed = 500
)

// killedRamp has moves 12 s apart, which is 24 ms of its clock.
const killedRamp = 20 * time.Minute

func killedSpec(to string) v1alpha1.RolloutSpec {
	return tries(to, []string{map[string]string{"v1": "v2", "v2": "v1"}[to]}, fmt.Sprintf("ramp 100 %s", killedRamp))
}

func TestKilledProcess(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("it is started by TestKilledAtAnyMoment")
	}
	nanos, err := strconv.ParseInt(os.Getenv(killedSince), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	store, _ := openStore(t, dir)
	m, err := NewManager(store)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return epoch.Add(time.Since(time.Unix(0, nanos)) * killedSpeed) }
	observe := func(_ *v1alpha1.Rollout, versions []v1alpha1.VersionStatus) Observed {
		seen := Observed{Versions: map[string]VersionObserved{}}
		for _, v := range versions {
			seen.Versions[v.ID()] = VersionObserved{Ready: 1, Total: 1}
		}
		return seen
	}
	r := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: killedSpec("v2")}
	r.Spec.Canary.From = "v1"
	for m.Set(r); ; m.Touch(Key("shop", "web")) {
		changed, wake, err := m.Step(observe, now())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changed { // what would go to the Envoys
			fmt.Printf("decided %d %d\n", weightOf(Result{Versions: c.Status.Versions}, "v2"), c.Status.Canary.Step)
		}
		if wake.IsZero() {
			wake = now().Add(time.Minute)
		}
		time.Sleep(min(wake.Sub(now())/killedSpeed, time.Second))
	}
}

// A process that is killed (SIGKILL) at a random moment goes on with the same step: what the first decision of the
// next one gives the canary is what was given out last, or the moves since: the one that is due now and, where the
// kill came between disk and Envoys, the one before. The share never goes back, and never leaps.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	kills := 50
	if os.Getenv("GATEWAY_CP_SOAK") != "" {
		kills = 500
	}
	random := rand.New(rand.NewPCG(1, 2))
	killed, moves := 0, 0
	for killed < kills {
		dir, since := t.TempDir(), strconv.FormatInt(time.Now().UnixNano(), 10)
		last := 0
		for ; killed < kills && last < v1alpha1.WeightTotal; killed++ {
			shares := runKilled(t, dir, since, time.Duration(random.IntN(60))*time.Millisecond)
			for i, s := range shares {
				most := last + 100
				if i == 0 {
					most += 100 // one may have been on disk already
				}
				if s < last || s > most {
					t.Fatalf("after %d kills the canary goes from %d to %d; a move is 100", killed, last, s)
				}
				if s != last {
					moves++
				}
				last = s
			}
		}
		checkLastMove(t, dir, last)
	}
	t.Logf("%d kills, %d moves", killed, moves)
	if moves < kills/3 {
		t.Errorf("%d moves with %d kills: they had nothing to hit", moves, kills)
	}
}

// runKilled runs the process for some time after its first decision, kills it, and gives the canary's shares
// that it had decided on.
func runKilled(t *testing.T, dir, since string, after time.Duration) (shares []int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), killedDir+"="+dir, killedSince+"="+since)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	read := func() bool {
		for lines.Scan() {
			var share, step int
			if n, _ := fmt.Sscanf(lines.Text(), "decided %d %d", &share, &step); n == 2 {
				if step != 0 && share != v1alpha1.WeightTotal {
					t.Errorf("step %d at %d", step, share)
				}
				shares = append(shares, share)
				return true
			}
			t.Errorf("it says %q", lines.Text())
		}
		return false
	}
	if !read() {
		t.Error("it ended by itself")
	}
	time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	for read() {
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended by itself: %v", err)
	}
	return shares
}

// checkLastMove looks at the last move in the history: it is the last one that was given out, or one that was stored
// and not given out any more.
func checkLastMove(t *testing.T, dir string, last int) {
	t.Helper()
	_, db := openStore(t, dir)
	records, err := History(db, Key("shop", "web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	at := "0%"
	for _, r := range records {
		if _, move, ok := strings.Cut(r.Message, "v2 "); ok && r.Reason == EventWeightsChanged {
			_, at, _ = strings.Cut(strings.Split(move, ",")[0], " → ")
		}
	}
	if at != percent(int32(last)) && at != percent(int32(last+100)) {
		t.Errorf("the history ends at %s, what was given out at %s", at, percent(int32(last)))
	}
}
