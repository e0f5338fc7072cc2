package analysis

// Next takes in a sample and says what there is to say after it. A sample without requests to
// the canary, or to the stable version, is no evidence either way; its time counts. An Outcome
// of Fail stays, and one of Pass until it is Fail.
func Next(settings Settings, state State, sample Sample) (State, Verdict) {
	set := settings.withDefaults()
	state.Canary = state.Canary.plus(sample.Canary)
	state.Stable = state.Stable.plus(sample.Stable)
	state.Elapsed += max(sample.Took, 0)
	if sample.Canary.Requests() > 0 && sample.Stable.Requests() > 0 {
		state.bet(set, sample)
		state.Spread.add(sample)
		state.Samples++
	}
	v := state.judge(set)
	if v.Outcome == Pass || v.Outcome == Fail {
		state.Outcome = v.Outcome
	}
	return state, v
}

// Look says what there is to say of a state, without a new sample.
func Look(settings Settings, state State) Verdict { return state.judge(settings.withDefaults()) }

func (s *State) judge(set Settings) Verdict {
	v := Verdict{Outcome: s.Outcome, Enough: 1 / set.Alpha, Dispersion: s.Spread.dispersion(), Worse: s.Spread.worse()}
	v.Evidence = s.evidence(v.Dispersion)
	v.AtMost = s.Spread.atMost(set.Confidence, v.Dispersion, 1)
	over := s.overLimit(set, v.Dispersion)
	passes := v.AtMost <= set.Margin && s.Samples > 0
	if !passes && s.Outcome == Running {
		v.Needs = s.Spread.needs(set, v.Dispersion)
	}
	switch enough := s.Canary.Requests() >= set.MinRequests; {
	case s.Outcome == Fail:
	case enough && (v.Evidence >= v.Enough || over):
		v.Outcome = Fail
	case s.Outcome == Pass:
	case enough && passes && !s.mayBeOver(set):
		v.Outcome = Pass
	case set.MaxTime > 0 && s.Elapsed >= set.MaxTime:
		v.Outcome = Inconclusive
	}
	v.Message = s.message(set, v, over)
	return v
}

// overLimit says that the canary's error rate is certainly above MaxErrorRate.
func (s *State) overLimit(set Settings, dispersion float64) bool {
	errors, n := float64(s.Canary.Error)/dispersion, float64(s.Canary.Requests())/dispersion
	return set.MaxErrorRate > 0 && lower(errors, n, set.Alpha) > set.MaxErrorRate
}

// mayBeOver says that the canary's error rate so far is above MaxErrorRate: it does not pass
// then, though it may be by chance.
func (s *State) mayBeOver(set Settings) bool {
	return set.MaxErrorRate > 0 && s.Canary.Rate() > set.MaxErrorRate
}
