package lint

import "github.com/gateway-cp/gateway-cp/api"

// check looks for problems of some reasons.
type check struct {
	name    string
	reasons []api.Reason
	run     func(*checker)
}

// checks lists everything that is looked for.
func checks() []check {
	return []check{
		{"selectors of Services", []api.Reason{api.ReasonSelectorMatchesNone, api.ReasonPortNotFound}, serviceSelectors},
		{"versions of Rollouts", []api.Reason{api.ReasonVersionEmpty, api.ReasonVersionsOverlap}, rolloutVersions},
		{"the way back of Rollouts", []api.Reason{api.ReasonNoWayBack}, rolloutHold},
		{"node ports and cluster IPs", []api.Reason{api.ReasonNodePortConflict, api.ReasonClusterIPConflict}, serviceAddresses},
		{"ReferenceGrants", []api.Reason{api.ReasonGrantToAllSecrets, api.ReasonGrantWithoutTarget}, grants},
		{"controller names", []api.Reason{api.ReasonControllerNameMistyped}, controllerNames},
		{"routes that take each other's requests", []api.Reason{api.ReasonRouteConflict, api.ReasonRuleUnreachable}, unreachable},
	}
}
