package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// story is one Rollout, its surroundings and what became of it, in the test's words.
type story struct {
	t     *testing.T
	spec  v1alpha1.RolloutSpec
	state State
	seen  Observed
	now   time.Time
	last  Result
}

func newStory(t *testing.T, spec v1alpha1.RolloutSpec) *story {
	t.Helper()
	return &story{t: t, spec: spec, now: epoch, seen: Observed{Versions: map[string]VersionObserved{}}}
}

// version is a version whose selector is version=<name>, or <name> of "name/selector".
func testVersion(s string) v1alpha1.Version {
	name, sel, ok := strings.Cut(s, "/")
	if !ok {
		sel = name
	}
	return v1alpha1.Version{Name: name, Selector: map[string]string{"version": sel}}
}

func testVersions(names ...string) []v1alpha1.Version {
	var out []v1alpha1.Version
	for _, n := range names {
		out = append(out, testVersion(n))
	}
	return out
}

// byHand is a traffic spec of "name=percent" words; a name may carry a selector: green/2=5.
func byHand(words ...string) v1alpha1.RolloutSpec {
	spec := v1alpha1.RolloutSpec{Traffic: map[string]v1alpha1.Percent{}}
	for _, w := range words {
		v, share, _ := strings.Cut(w, "=")
		spec.Versions = append(spec.Versions, testVersion(v))
		spec.Traffic[testVersion(v).Name] = v1alpha1.Percent(intstr.FromString(share))
	}
	return spec
}

// toActive is a blueGreen spec; the first version is the active one.
func toActive(names ...string) v1alpha1.RolloutSpec {
	return v1alpha1.RolloutSpec{
		Versions:  testVersions(names...),
		BlueGreen: &v1alpha1.BlueGreen{Active: testVersion(names[0]).Name},
	}
}

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// sees sets ready and total endpoints of a version and what the Envoys say: a word per Envoy,
// "warm", "cold", the number of endpoints that passed the active check there, or "?" where that
// has not been reported yet.
func (s *story) sees(v string, ready, total int, envoys ...string) *story {
	o := VersionObserved{Ready: ready, Total: total}
	for i, e := range envoys {
		eo := EnvoyObserved{Name: fmt.Sprintf("e%d", i+1), Warm: e != "cold"}
		if _, err := fmt.Sscanf(e, "%d", &eo.Healthy); err == nil {
			o.Checked, eo.Reported = true, true
		}
		o.Checked = o.Checked || e == "?"
		o.Envoys = append(o.Envoys, eo)
	}
	s.seen.Versions[testVersion(v).ID()] = o
	return s
}

// wants changes the spec.
func (s *story) wants(spec v1alpha1.RolloutSpec) *story {
	s.spec = spec
	return s
}

// after lets time pass.
func (s *story) after(d time.Duration) *story {
	s.now = s.now.Add(d)
	return s
}

// step calls Next, as after a restart: on a state that was on disk.
func (s *story) step() Result {
	s.t.Helper()
	s.last = Next(s.spec, onDisk(s.t, s.state), s.seen, s.now)
	s.state = s.last.State
	again := Next(s.spec, s.state, s.seen, s.now)
	again.Events = s.last.Events
	if !reflect.DeepEqual(again, s.last) {
		s.t.Fatalf("not at rest after one call:\n%+v\n%+v", s.last, again)
	}
	return s.last
}

// is steps and compares phase and versions: "Holding: green=100 blue=0(held)"; a version with an
// unusual selector is name/selector.
func (s *story) is(want string) *story {
	s.t.Helper()
	r := s.step()
	got := string(r.Phase) + ":"
	for _, v := range r.Versions {
		name := v.Name
		if sel := v.Selector["version"]; sel != name {
			name += "/" + sel
		}
		got += fmt.Sprintf(" %s=%s", name, strings.TrimSuffix(percent(v.Weight), "%"))
		if v.HeldUntil != nil {
			got += "(" + v.HeldUntil.Sub(s.now).String() + ")"
		}
	}
	if got != want {
		s.t.Errorf("got  %s\nwant %s\nmessage: %s", got, want, r.Message)
	}
	return s
}

// says checks the last message.
func (s *story) says(part string) *story {
	s.t.Helper()
	if !strings.Contains(s.last.Message, part) {
		s.t.Errorf("the message is %q and should contain %q", s.last.Message, part)
	}
	return s
}

// happened checks the reasons of the last events.
func (s *story) happened(reasons ...EventReason) *story {
	s.t.Helper()
	var got []EventReason
	for _, e := range s.last.Events {
		if e.Message == "" {
			s.t.Errorf("event %s says nothing", e.Reason)
		}
		got = append(got, e.Reason)
	}
	if !reflect.DeepEqual(got, reasons) {
		s.t.Errorf("events are %v and should be %v", got, reasons)
	}
	return s
}

// wakesIn checks when Next wants to be called again; negative: never.
func (s *story) wakesIn(d time.Duration) *story {
	s.t.Helper()
	want := s.now.Add(d)
	if d < 0 {
		want = time.Time{}
	}
	if !s.last.Wake.Equal(want) {
		s.t.Errorf("wakes at %v and should at %v", s.last.Wake, want)
	}
	return s
}

func onDisk(t interface{ Fatal(...any) }, st State) State {
	data, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var out State
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
