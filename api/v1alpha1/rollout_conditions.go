package v1alpha1

// The conditions of a Rollout. They have the meaning that kstatus gives them, so that what waits for objects
// (kubectl wait, Flux, Argo CD) can wait for a Rollout:
// https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
const (
	// ConditionReady: the traffic is where the spec wants it (phase Stable or Holding). The reason is the phase.
	ConditionReady = "Ready"
	// ConditionProgressing: it moves there, or waits for what moves by itself. The reason is the phase.
	ConditionProgressing = "Progressing"
	// ConditionDegraded: it was given up (Aborted), or a version that has traffic fails (VersionFails).
	ConditionDegraded = "Degraded"
	// ConditionStalled: it was given up, and goes on only when somebody does something.
	ConditionStalled = "Stalled"
	// ConditionDrained: what has lost its traffic last is safe to delete. The message names it.
	ConditionDrained = "Drained"
)

// The reasons of conditions that are not phases.
const (
	// ReasonVersionFails: a version that has traffic has no healthy endpoints.
	ReasonVersionFails = "VersionFails"
	// ReasonAsExpected: nothing fails.
	ReasonAsExpected = "AsExpected"
	// ReasonHeld: a version without traffic is kept for the way back (holdOld).
	ReasonHeld = "Held"
	// ReasonInUse: a version without traffic is asked for, or gets some requests by what is in them.
	ReasonInUse = "InUse"
	// ReasonDraining: requests to a version may still be under way, for the drain time of its fleet.
	ReasonDraining = "Draining"
	// ReasonSafeToDelete: nobody sends anything to a version any more.
	ReasonSafeToDelete = "SafeToDelete"
	// ReasonNothingLeft: no version has lost its traffic.
	ReasonNothingLeft = "NothingLeft"
)
