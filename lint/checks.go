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
		{"the steps of canaries", []api.Reason{api.ReasonStepGoesDown, api.ReasonStepWithoutEffect}, canarySteps},
		{"the analysis of canaries", []api.Reason{api.ReasonAnalysisCannotConclude}, canaryAnalysis},
		{"the way back of Rollouts", []api.Reason{api.ReasonNoWayBack}, rolloutHold},
		{"ReferenceGrants", []api.Reason{api.ReasonGrantToAllSecrets, api.ReasonGrantWithoutTarget}, grants},
		{"controller names", []api.Reason{api.ReasonControllerNameMistyped}, controllerNames},
		{"routes that take each other's requests", []api.Reason{api.ReasonRouteConflict, api.ReasonRuleUnreachable}, unreachable},
		{"matches that are never true", []api.Reason{api.ReasonMatchNeverTrue}, neverTrue},
		{"matches on x-forwarded-proto", []api.Reason{api.ReasonMatchNeverTrue}, forwardedProto},
		{"hostnames that get no requests", []api.Reason{api.ReasonHostnameUnserved}, hostnames},
		{"redirects in circles", []api.Reason{api.ReasonRedirectLoop}, redirectLoops},
		{"certificates", []api.Reason{
			api.ReasonCertificateExpired, api.ReasonCertificateExpiring, api.ReasonCertificateNotYetValid,
			api.ReasonCertificateUnsuited, api.ReasonCertificateWeak, api.ReasonCertificateChainBroken,
		}, certificates},
		{"certificates of hosts", []api.Reason{api.ReasonCertificateHostMismatch}, certificateHosts},
		{"listeners that are open to all", []api.Reason{api.ReasonListenerOpenToAll}, openListeners},
		{"routes for everything", []api.Reason{api.ReasonCatchAllRoute}, catchAlls},
		{"plain HTTP beside HTTPS", []api.Reason{api.ReasonPlainHTTPAnswered}, plainHTTP},
		{"ports for administration", []api.Reason{api.ReasonAdminPortExposed}, adminPorts},
	}
}
