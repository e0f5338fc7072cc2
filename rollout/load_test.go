package rollout

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// The counts are looked at once in a while, whoever asks how often, and a sample is what came
// between two looks.
func TestSamplesAreTakenOfCounts(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var a AnalysisState
	look := func(counting string, after time.Duration, canary, stable Load) time.Time {
		next, _, wake := a.take(analysis.Settings{}, counting, canary, stable, start.Add(after))
		again, _, _ := next.take(analysis.Settings{}, counting, canary, stable, start.Add(after))
		if !reflect.DeepEqual(again, next) {
			t.Fatalf("not at rest: %+v, then %+v", next, again)
		}
		a = next
		return wake
	}
	has := func(canary, stable uint64, elapsed time.Duration) {
		t.Helper()
		if a.State.Canary.Requests() != canary || a.State.Stable.Requests() != stable || a.Elapsed != elapsed {
			t.Errorf("%d and %d requests in %s, want %d and %d in %s", a.State.Canary.Requests(), a.State.Stable.Requests(), a.Elapsed, canary, stable, elapsed)
		}
	}
	look("1", 0, Load{Success: 1000}, Load{Success: 50000}) // what came before it began
	has(0, 0, 0)
	if wake := look("1", 200*time.Millisecond, Load{Success: 1001}, Load{Success: 50019}); wake != start.Add(sampleTime) {
		t.Errorf("to be called again at %s", wake)
	}
	has(0, 0, 0)
	look("1", time.Second, Load{Success: 1004, Error: 1}, Load{Success: 50095})
	has(5, 95, time.Second)
	look("1", 3*time.Second, Load{Success: 1004, Error: 1}, Load{Success: 50095}) // nothing yet
	has(5, 95, time.Second)
	look("1", 11*time.Second, Load{Success: 1004, Error: 1}, Load{Success: 50095}) // nothing at all
	has(5, 95, 11*time.Second)

	// The process starts again, from what was stored.
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	a = AnalysisState{}
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	look("2", 20*time.Second, Load{Success: 2000}, Load{Success: 60000}) // from before it looked
	has(5, 95, 11*time.Second)
	look("2", 21*time.Second, Load{Success: 2005}, Load{Success: 60095})
	has(10, 190, 12*time.Second)
	look("2", 22*time.Second, Load{Success: 3}, Load{Success: 60190}) // less than before: not to be trusted
	has(10, 190, 12*time.Second)
	look("2", 5*time.Second, Load{Success: 90}, Load{Success: 70000}) // the clock was set back
	has(10, 190, 12*time.Second)
}

// Whatever happens between two looks, never more is taken in than was counted.
func TestNeverMoreThanWasCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var stored, a AnalysisState
		var canary, stable Load
		var counted uint64
		process := "1"
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1e9, 3e9).Draw(t, "later")))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // killed; the newest state may not have been stored
				process += "'"
				canary, stable = Load{}, Load{}
				a = rapid.SampledFrom([]AnalysisState{stored, a}).Draw(t, "stored")
			default:
				n := rapid.Uint64Range(0, 20).Draw(t, "requests")
				canary.Success += n
				stable.Error += n
				counted += 2 * n
			}
			stored = a
			a, _, _ = a.take(analysis.Settings{}, process, canary, stable, now)
			if got := a.State.Canary.Requests() + a.State.Stable.Requests(); got > counted {
				t.Fatalf("%d of %d requests", got, counted)
			}
		}
	})
}
