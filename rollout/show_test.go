package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout/analysis"
)

// A canary is shown to testers and gets copies before it has any share; it is shown to nobody while it
// has no endpoints, copies end with its first share, and the rest when it has all traffic.
func TestCanaryIsShownBeforeItsShare(t *testing.T) {
	s := onV1(t)
	const shown, copied = "requests with header x-canary always go to v2", "20% of the GET, HEAD and OPTIONS requests are copied to v2"
	spec := tries("v2", fromV1, "match", "mirror 20", "pause", "5", "pause", "match none", "pause")
	s.sees("v2", 0, 1, "warm").wants(spec)
	s.is("Waiting: v2=0 v1=100").happened(EventCanaryStarted, EventWaiting).says("step 1 of 7: v2 has no ready endpoints (0 of 1)")
	s.sees("v2", 1, 1, "cold").is("Waiting: v2=0 v1=100").says("not on e1 (its cluster is not warm)")
	s.sees("v2", 1, 1, "warm").is("Paused: v2=0 v1=100").happened(EventCanaryPaused, EventMatchChanged, EventMirrorChanged).says(shown).says(copied)
	s.sees("v2", 0, 1, "warm").is("Waiting: v2=0 v1=100").happened(EventWaiting, EventMatchChanged, EventMirrorChanged).says("v2 has no ready endpoints")
	s.sees("v2", 1, 1, "warm").is("Paused: v2=0 v1=100").happened(EventMatchChanged, EventMirrorChanged).says(shown)
	s.told(Promote).is("Paused: v2=5 v1=95").happened(EventCanaryPaused, EventWeightsChanged, EventMirrorChanged).says(shown)
	s.told(Promote).is("Paused: v2=5 v1=95").happened(EventCanaryPaused, EventMatchChanged)
	s.wants(tries("v2", fromV1, "match", "5", "pause", "match none", "pause")).is("Paused: v2=5 v1=95").happened(EventCanaryPaused, EventMatchChanged).says(shown)
	s.told(Abort).is("Aborted: v2=0 v1=100").happened(EventWeightsChanged, EventMatchChanged)
}

// A version is previewed while another one is active, whether it has traffic itself or not, and flips as ever.
func TestBlueGreenPreview(t *testing.T) {
	s := newStory(t, toActive("blue"))
	s.sees("blue", 1, 1, "warm").is("Stable: blue=100").happened(EventFirstDeployment)
	spec := toActive("blue")
	spec.Versions = testVersions("blue", "green/1")
	spec.BlueGreen.Preview = &v1alpha1.Preview{Version: "green", Match: []v1alpha1.RequestMatch{{Hosts: []string{"green.example.com"}}}}
	s.wants(spec).is("Stable: blue=100 green/1=0").says("the preview of green waits: nothing is known yet of its endpoints")
	s.sees("green/1", 1, 2, "warm").is("Stable: blue=100 green/1=0").says("the preview of green has 1 of 2 endpoints ready and needs 2")
	s.sees("green/1", 2, 2, "warm").is("Stable: blue=100 green/1=0").happened(EventMatchChanged).says("requests with host green.example.com go to green")
	s.sees("green/1", 0, 2, "warm").is("Stable: blue=100 green/1=0").happened(EventMatchChanged).says("the preview of green has no ready endpoints")
	s.sees("green/1", 2, 2, "warm").is("Stable: blue=100 green/1=0").happened(EventMatchChanged)
	spec.BlueGreen = &v1alpha1.BlueGreen{Active: "green", Preview: spec.BlueGreen.Preview, HoldOld: duration(time.Minute)}
	s.wants(spec).is("Holding: blue=0(1m0s) green/1=100").happened(EventFlipped, EventMatchChanged)
}

// previewed has a canary without a share answer testers and copies for a minute, and gives where it stands.
func previewed(copies Load) Result {
	spec := tries("v2", fromV1, "match", "mirror 20", "analysis", "5", "pause")
	spec.Canary.From, spec.Canary.Analysis = "v1", &v1alpha1.CanaryAnalysis{}
	v1, v2 := testVersion("v1").ID(), testVersion("v2").ID()
	var r Result
	seen := Observed{Counting: "1", Versions: map[string]VersionObserved{v1: {Ready: 1, Total: 1}, v2: {Ready: 1, Total: 1}}}
	for second := range 60 {
		n := uint64(second)
		seen.Versions[v1] = VersionObserved{Ready: 1, Total: 1, Load: Load{Success: 5000 * n}}
		seen.Versions[v2] = VersionObserved{Ready: 1, Total: 1, Load: Load{Success: n}, Copies: Load{Success: copies.Success * n, Error: copies.Error * n}}
		r = Next(spec, r.State, seen, epoch.Add(time.Duration(second)*time.Second))
	}
	return r
}

// What testers and copies show is evidence of its own: the canary can be given up for it, and what it has
// shown counts no more once it has a share.
func TestAnalysisBeforeAShare(t *testing.T) {
	r := previewed(Load{})
	if want := "analysis of the requests that match, and copies: "; r.Phase != v1alpha1.PhaseProgressing || !strings.Contains(r.Message, want) || weightOf(r, "v2") != 0 {
		t.Errorf("with few requests: %s, %s", r.Phase, r.Message)
	}
	r = previewed(Load{Success: 1000})
	if r.Phase != v1alpha1.PhasePaused || weightOf(r, "v2") != 500 || r.State.Canary.Analysis.Preview || r.State.Canary.Analysis.State.Outcome == analysis.Pass {
		t.Errorf("a good one: %s, %s, %+v", r.Phase, r.Message, r.State.Canary.Analysis)
	}
	r = previewed(Load{Success: 500, Error: 500})
	if want := "the canary is worse: canary 50 % errors of "; r.Phase != v1alpha1.PhaseAborted || !strings.Contains(r.Message, want) {
		t.Errorf("a bad one: %s, %s", r.Phase, r.Message)
	}
}
