package rollout

// Event says that something happened, once.
type Event struct {
	Reason  EventReason
	Warning bool   // somebody should look
	Message string // for people
	By      string // who made it happen, where it was a person
}

// EventReason is the stable name of a kind of event.
type EventReason string

// What happens to rollouts.
const (
	// EventFirstDeployment: there was no traffic to protect, so the versions got theirs at once.
	EventFirstDeployment EventReason = "FirstDeployment"
	// EventWaiting: a version shall have traffic and has to pass its gate first.
	EventWaiting EventReason = "Waiting"
	// EventAbandoned: a version that waited is no longer asked for.
	EventAbandoned EventReason = "Abandoned"
	// EventFlipped: all traffic moved to the active version in one step.
	EventFlipped EventReason = "Flipped"
	// EventHoldEnded: a version that was kept for the way back has been let go.
	EventHoldEnded EventReason = "HoldEnded"
	// EventWeightsChanged: the split changed.
	EventWeightsChanged EventReason = "WeightsChanged"
	// EventVersionEmpty: a version lost its weight because it has no ready endpoints.
	EventVersionEmpty EventReason = "VersionEmpty"
	// EventVersionUnhealthy: no endpoint of a version with traffic is healthy on any Envoy.
	EventVersionUnhealthy EventReason = "VersionUnhealthy"
	// EventMatchChanged: other requests than before go to a version whatever its weight.
	EventMatchChanged EventReason = "MatchChanged"
	// EventMirrorChanged: other requests than before are copied to a version.
	EventMirrorChanged EventReason = "MirrorChanged"
	// EventCanaryStarted: a version is being tried, against the stable one.
	EventCanaryStarted EventReason = "CanaryStarted"
	// EventCanaryPaused: the canary waits to be told to go on.
	EventCanaryPaused EventReason = "CanaryPaused"
	// EventCanarySetback: the canary lost its share for want of healthy endpoints.
	EventCanarySetback EventReason = "CanarySetback"
	// EventCanaryAborted: the canary was given up; the stable version gets the traffic back.
	EventCanaryAborted EventReason = "CanaryAborted"
	// EventCanaryPromoted: the canary has become the stable version.
	EventCanaryPromoted EventReason = "CanaryPromoted"
	// EventInconclusive: the analysis is not sure in time.
	EventInconclusive EventReason = "AnalysisInconclusive"
	// EventTold: somebody has told a canary to do something.
	EventTold EventReason = "Told"
	// EventHeld: a freeze, a limit or another Rollout keeps a version from getting traffic.
	EventHeld EventReason = "Held"
	// EventHookAnswered: a hook has said yes or no.
	EventHookAnswered EventReason = "HookAnswered"
	// EventHookInconclusive: a hook has not answered, after all retries.
	EventHookInconclusive EventReason = "HookInconclusive"
	// EventFlipRefused: a hook does not let the active version have the traffic.
	EventFlipRefused EventReason = "FlipRefused"
	// EventFlipTakenBack: an Envoy has refused something of a flip of several Rollouts together, and all returned.
	EventFlipTakenBack EventReason = "FlipTakenBack"
	// EventEnded: the Rollout was deleted, and its split with it.
	EventEnded EventReason = "Ended"
	// EventEnvoysLeftBehind: a version got its traffic although some Envoys were not ready for
	// it within the deadline; these keep their previous route until they are.
	EventEnvoysLeftBehind EventReason = "EnvoysLeftBehind"
	// EventFollowed: weights that a leader has decided are in effect in a process that follows it.
	EventFollowed EventReason = "Followed"
	// EventHeldBack: weights that a leader has decided are not in effect here (yet).
	EventHeldBack EventReason = "HeldBack"
)
