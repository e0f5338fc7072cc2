package api

// The reasons of problems. Add to this list, never rename: scripts and CI depend on them.
const (
	// Reading files.

	ReasonFileUnreadable       Reason = "FileUnreadable"
	ReasonFileTooLarge         Reason = "FileTooLarge"
	ReasonNoObjects            Reason = "NoObjects"
	ReasonInvalidYAML          Reason = "InvalidYAML"
	ReasonUnknownField         Reason = "UnknownField"
	ReasonUnknownKind          Reason = "UnknownKind"
	ReasonRemovedAPIVersion    Reason = "RemovedAPIVersion"
	ReasonDeprecatedAPIVersion Reason = "DeprecatedAPIVersion"
	ReasonDuplicateObject      Reason = "DuplicateObject"
	ReasonSourceHeld           Reason = "SourceHeld"
	ReasonLastGoodInEffect     Reason = "LastGoodInEffect"

	// Reading a Kubernetes API server.

	ReasonSourceUnavailable Reason = "SourceUnavailable"
	ReasonStatusNotWritten  Reason = "StatusNotWritten"
	ReasonKindNotInstalled  Reason = "KindNotInstalled"

	// What files say about problems.

	ReasonInvalidSuppression Reason = "InvalidSuppression"
	ReasonUnusedSuppression  Reason = "UnusedSuppression"

	// One object by itself.

	ReasonInvalidField       Reason = "InvalidField"
	ReasonMissingField       Reason = "MissingField"
	ReasonInvalidName        Reason = "InvalidName"
	ReasonInvalidCertificate Reason = "InvalidCertificate"
	ReasonInvalidRegex       Reason = "InvalidRegex"
	ReasonInvalidWeights     Reason = "InvalidWeights"
	ReasonUnsupportedField   Reason = "UnsupportedField"

	// Objects together.

	ReasonBackendNotFound      Reason = "BackendNotFound"
	ReasonPortNotFound         Reason = "PortNotFound"
	ReasonAmbiguousPort        Reason = "AmbiguousPort"
	ReasonSelectorMatchesNone  Reason = "SelectorMatchesNone"
	ReasonRefNotPermitted      Reason = "RefNotPermitted"
	ReasonCertificateNotFound  Reason = "CertificateNotFound"
	ReasonGatewayClassNotFound Reason = "GatewayClassNotFound"
	ReasonFleetNotFound        Reason = "FleetNotFound"
	ReasonGatewayNotSelected   Reason = "GatewayNotSelected"
	ReasonParentNotFound       Reason = "ParentNotFound"
	ReasonHostnameMismatch     Reason = "HostnameMismatch"
	ReasonRouteNotAllowed      Reason = "RouteNotAllowed"
	ReasonListenerConflict     Reason = "ListenerConflict"
	ReasonProbesDiffer         Reason = "ProbesDiffer"
	ReasonProbeUnsupported     Reason = "ProbeUnsupported"
	ReasonTargetNotFound       Reason = "TargetNotFound"
	ReasonTargetConflict       Reason = "TargetConflict"
	ReasonDependencyNotFound   Reason = "DependencyNotFound"
	ReasonDependencyCycle      Reason = "DependencyCycle"
	ReasonVersionEmpty         Reason = "VersionEmpty"
	ReasonVersionUnhealthy     Reason = "VersionUnhealthy"
	ReasonInvalidResource      Reason = "InvalidResource"
	ReasonNodePortConflict     Reason = "NodePortConflict"
	ReasonNodePortOutOfRange   Reason = "NodePortOutOfRange"
	ReasonNodePortsExhausted   Reason = "NodePortsExhausted"
	ReasonClusterIPConflict    Reason = "ClusterIPConflict"
	ReasonClusterIPsExhausted  Reason = "ClusterIPsExhausted"
	ReasonExternalNameLoop     Reason = "ExternalNameLoop"
	ReasonExternalIPRefused    Reason = "ExternalIPRefused"

	ReasonLoadBalancerAddressUnavailable Reason = "LoadBalancerAddressUnavailable"
	ReasonLoadBalancerAddressMissing     Reason = "LoadBalancerAddressMissing"

	// The whole set: valid, and most likely not what is meant.

	ReasonRouteConflict           Reason = "RouteConflict"
	ReasonRuleUnreachable         Reason = "RuleUnreachable"
	ReasonMatchNeverTrue          Reason = "MatchNeverTrue"
	ReasonHostnameUnserved        Reason = "HostnameUnserved"
	ReasonRedirectLoop            Reason = "RedirectLoop"
	ReasonGrantWithoutTarget      Reason = "GrantWithoutTarget"
	ReasonControllerNameMistyped  Reason = "ControllerNameMistyped"
	ReasonVersionsOverlap         Reason = "VersionsOverlap"
	ReasonNoWayBack               Reason = "NoWayBack"
	ReasonStepGoesDown            Reason = "StepGoesDown"
	ReasonStepWithoutEffect       Reason = "StepWithoutEffect"
	ReasonAnalysisCannotConclude  Reason = "AnalysisCannotConclude"
	ReasonCertificateExpired      Reason = "CertificateExpired"
	ReasonCertificateExpiring     Reason = "CertificateExpiring"
	ReasonCertificateNotYetValid  Reason = "CertificateNotYetValid"
	ReasonCertificateHostMismatch Reason = "CertificateHostMismatch"
	ReasonCertificateWeak         Reason = "CertificateWeak"
	ReasonCertificateChainBroken  Reason = "CertificateChainBroken"
	ReasonCertificateUnsuited     Reason = "CertificateUnsuited"
	ReasonListenerOpenToAll       Reason = "ListenerOpenToAll"
	ReasonCatchAllRoute           Reason = "CatchAllRoute"
	ReasonGrantToAllSecrets       Reason = "GrantToAllSecrets"
	ReasonPlainHTTPAnswered       Reason = "PlainHTTPAnswered"
	ReasonAdminPortExposed        Reason = "AdminPortExposed"

	// Policy tests.

	ReasonTestFailed  Reason = "TestFailed"
	ReasonInvalidTest Reason = "InvalidTest"

	// The fleet.

	ReasonRefusedByEnvoy  Reason = "RefusedByEnvoy"
	ReasonDuplicateNodeID Reason = "DuplicateNodeID"
)
