package convert

// Field says what becomes of a field of a manifest, and of all below it that has no row of its own.
type Field struct {
	// From is its path; [] stands for the entries of a list.
	From string
	// To is what it becomes in a Rollout; empty: nothing.
	To string
	// Lost says, where To is empty, that what it does is not done any more; otherwise it is done elsewhere, or is
	// not needed.
	Lost bool
	// Note says more. It ends without a full stop.
	Note string
}

// Table is what becomes of the fields of one kind.
type Table struct {
	Title  string
	Fields []Field
}

// Tables are those of docs/migrating.md, in its order.
var Tables = []Table{
	{"Argo Rollouts: Rollout", argoRollout},
	{"Argo Rollouts: AnalysisTemplate and ClusterAnalysisTemplate", argoTemplate},
	{"Flagger: Canary", flaggerCanary},
}

// common are the fields that every object has.
var common = []Field{
	{From: "apiVersion", To: "apiVersion"},
	{From: "kind", To: "kind"},
	{From: "metadata", Note: "what the API server writes there is not taken over"},
	{From: "metadata.name", To: "metadata.name"},
	{From: "metadata.namespace", To: "metadata.namespace"},
	{From: "metadata.labels", To: "metadata.labels"},
	{From: "metadata.annotations", To: "metadata.annotations"},
	{From: "status", Note: "gateway-cp keeps a status of its own"},
}

const (
	deployment = "stays where the Pods are made: have a Deployment for each version, with labels that tell them apart"
	scaling    = "gateway-cp scales nothing: a version that has no endpoints gets no traffic, and the Deployment says how many there are"
	splitting  = "Envoy splits the traffic; nothing else has to be told"
)

var argoRollout = append([]Field{
	{From: "spec.replicas", Note: deployment},
	{From: "spec.selector", Note: "the selector of the Service, laid over by that of the version"},
	{From: "spec.template", Note: deployment},
	{From: "spec.workloadRef", Note: deployment},
	{From: "spec.minReadySeconds", Note: deployment},
	{From: "spec.revisionHistoryLimit", Note: "rollout history keeps the newest 200 records"},
	{From: "spec.paused", Lost: true, Note: "say gateway-cp rollout pause"},
	{From: "spec.progressDeadlineSeconds", To: "canary.progressDeadline", Note: "only with progressDeadlineAbort: a rollout that waits changes no traffic"},
	{From: "spec.progressDeadlineAbort", To: "canary.progressDeadline"},
	{From: "spec.restartAt", Note: deployment},
	{From: "spec.rollbackWindow", Note: "the way back to a version that is kept (holdOld) takes no steps"},
	{From: "spec.analysis", Note: "rollout history keeps what was found"},

	{From: "spec.strategy.canary", To: "canary"},
	{From: "spec.strategy.canary.stableService", To: "targetRef.name"},
	{From: "spec.strategy.canary.canaryService", Note: "one Service is enough; a match step shows the canary to testers"},
	{From: "spec.strategy.canary.steps[].setWeight", To: "canary.steps[].weight"},
	{From: "spec.strategy.canary.steps[].pause", To: "canary.steps[].pause", Note: "without a duration, until rollout promote"},
	{From: "spec.strategy.canary.steps[].setHeaderRoute", To: "canary.steps[].match", Note: "exact and regex; a prefix becomes a regular expression; one with an empty match ends it"},
	{From: "spec.strategy.canary.steps[].setMirrorRoute", To: "canary.steps[].mirror", Note: "only the percentage and the methods; copies end with the first share"},
	{From: "spec.strategy.canary.steps[].setMirrorRoute.match[].path", Lost: true, Note: "what is copied is chosen by its method only"},
	{From: "spec.strategy.canary.steps[].setMirrorRoute.match[].headers", Lost: true, Note: "what is copied is chosen by its method only"},
	{From: "spec.strategy.canary.steps[].setCanaryScale", Note: scaling},
	{From: "spec.strategy.canary.steps[].experiment", Lost: true, Note: "a match or mirror step tries a version without a share; Pods are yours to make"},
	{From: "spec.strategy.canary.steps[].plugin", Lost: true, Note: "a hook (spec.hooks) asks a service of yours"},
	{From: "spec.strategy.canary.steps[].analysis", To: "canary.steps[].analysis", Note: "waits until the errors of the canary are known to be good enough; for the templates, see below"},
	{From: "spec.strategy.canary.analysis", To: "canary.analysis", Note: "errors are compared with those of the stable version, from Envoy's counts; for the templates, see below"},
	{From: "spec.strategy.canary.analysis.startingStep", Note: "the comparison begins with the first share"},
	{From: "spec.strategy.canary.trafficRouting", Note: splitting},
	{From: "spec.strategy.canary.maxSurge", Note: deployment},
	{From: "spec.strategy.canary.maxUnavailable", Note: deployment},
	{From: "spec.strategy.canary.antiAffinity", Note: deployment},
	{From: "spec.strategy.canary.canaryMetadata", Note: deployment},
	{From: "spec.strategy.canary.stableMetadata", Note: deployment},
	{From: "spec.strategy.canary.minPodsPerReplicaSet", Note: scaling},
	{From: "spec.strategy.canary.replicaProgressThreshold", Lost: true, Note: "canary.minHealthy says how many endpoints must be healthy; without it, all"},
	{From: "spec.strategy.canary.dynamicStableScale", Note: scaling},
	{From: "spec.strategy.canary.pingPong", Note: "one Service is enough"},
	{From: "spec.strategy.canary.scaleDownDelaySeconds", To: "canary.holdOld"},
	{From: "spec.strategy.canary.scaleDownDelayRevisionLimit", Note: scaling},
	{From: "spec.strategy.canary.abortScaleDownDelaySeconds", Note: scaling},

	{From: "spec.strategy.blueGreen", To: "blueGreen"},
	{From: "spec.strategy.blueGreen.activeService", To: "targetRef.name"},
	{From: "spec.strategy.blueGreen.previewService", To: "blueGreen.preview", Note: "requests with the header x-preview: canary, or for the host PREVIEW-SERVICE, meet the version that waits"},
	{From: "spec.strategy.blueGreen.autoPromotionEnabled", Note: "the version moves when the file names it as blueGreen.active: that is the promotion"},
	{From: "spec.strategy.blueGreen.autoPromotionSeconds", Lost: true, Note: "name the version as blueGreen.active when its time has come"},
	{From: "spec.strategy.blueGreen.prePromotionAnalysis", To: "hooks[].when: before", Note: "metrics of the provider web; see below"},
	{From: "spec.strategy.blueGreen.postPromotionAnalysis", To: "hooks[].when: after", Note: "metrics of the provider web; it is told, and does not lead back by itself"},
	{From: "spec.strategy.blueGreen.scaleDownDelaySeconds", To: "blueGreen.holdOld"},
	{From: "spec.strategy.blueGreen.scaleDownDelayRevisionLimit", Note: scaling},
	{From: "spec.strategy.blueGreen.abortScaleDownDelaySeconds", Note: scaling},
	{From: "spec.strategy.blueGreen.previewReplicaCount", Note: scaling},
	{From: "spec.strategy.blueGreen.maxUnavailable", Note: deployment},
	{From: "spec.strategy.blueGreen.antiAffinity", Note: deployment},
	{From: "spec.strategy.blueGreen.activeMetadata", Note: deployment},
	{From: "spec.strategy.blueGreen.previewMetadata", Note: deployment},
}, common...)

var argoTemplate = append([]Field{
	{From: "spec.args", To: "hooks[].url", Note: "values are put in where the address asks for them"},
	{From: "spec.metrics[].name", To: "hooks[].name"},
	{From: "spec.metrics[].provider.web.url", To: "hooks[].url", Note: "a POST asks it, and it answers yes or no by its status: see docs/hooks.md"},
	{From: "spec.metrics[].provider.web.timeoutSeconds", To: "hooks[].timeout"},
	{From: "spec.metrics[].interval", To: "hooks[].interval"},
	{From: "spec.metrics[].consecutiveErrorLimit", To: "hooks[].retries"},
	{From: "spec.metrics[].provider.web", Lost: true, Note: "a hook is asked by a POST with a JSON body, and signed"},
	{From: "spec.metrics[].provider", Lost: true, Note: "canary.analysis compares errors from Envoy's own counts; for anything else, a hook asks a service of yours"},
	{From: "spec.metrics[].successCondition", Lost: true, Note: "the service that a hook asks decides"},
	{From: "spec.metrics[].failureCondition", Lost: true, Note: "the service that a hook asks decides"},
	{From: "spec.metrics[].count", Lost: true, Note: "a hook is asked as long as the canary has a share"},
	{From: "spec.metrics[].failureLimit", Lost: true, Note: "the first no gives the canary up"},
	{From: "spec.metrics[].inconclusiveLimit", Lost: true, Note: "hooks[].onInconclusive says what happens without an answer"},
	{From: "spec.metrics[].initialDelay", Lost: true, Note: "a hook is asked from the first share on"},
	{From: "spec.metrics[].consecutiveSuccessLimit", Lost: true, Note: "the first yes is enough"},
	{From: "spec.dryRun", Lost: true, Note: "leave the hook out"},
	{From: "spec.measurementRetention", Note: "rollout history keeps what was found"},
	{From: "spec.templates", Lost: true, Note: "convert the templates that it names by name"},
}, common...)

var flaggerCanary = append([]Field{
	{From: "spec.targetRef", Note: deployment},
	{From: "spec.targetRef.name", To: "targetRef.name", Note: "unless spec.service.name says otherwise"},
	{From: "spec.autoscalerRef", Note: scaling},
	{From: "spec.ingressRef", Note: splitting},
	{From: "spec.routeRef", Note: splitting},
	{From: "spec.upstreamRef", Note: splitting},
	{From: "spec.provider", Note: splitting},
	{From: "spec.metricsServer", Note: "the counts come from Envoy"},
	{From: "spec.progressDeadlineSeconds", To: "canary.progressDeadline"},
	{From: "spec.skipAnalysis", To: "canary.analysis", Note: "true leaves it out, and the steps"},
	{From: "spec.revertOnDeletion", Note: "a Rollout that is deleted leaves the Service to its selector"},
	{From: "spec.suspend", Lost: true, Note: "say gateway-cp rollout pause, or use spec.freeze"},

	{From: "spec.service", Note: "belongs into the Service, which is yours"},
	{From: "spec.service.name", To: "targetRef.name"},
	{From: "spec.service.gatewayRefs", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.gateways", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.hosts", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.match", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.rewrite", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.headers", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.corsPolicy", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.timeout", Note: "belongs into an HTTPRoute"},
	{From: "spec.service.retries", Note: "belongs into an HTTPRoute; what a canary fails is tried again at the stable version anyway"},

	{From: "spec.analysis", To: "canary"},
	{From: "spec.canaryAnalysis", Lost: true, Note: "rename it to spec.analysis, which it is called since Flagger 1.0"},
	{From: "spec.analysis.interval", To: "canary.steps[].pause", Note: "the time between two steps"},
	{From: "spec.analysis.iterations", To: "canary.steps[].pause", Note: "with match or mirror, so many intervals; without them, blueGreen, after its hooks agree"},
	{From: "spec.analysis.maxWeight", To: "canary.steps[].weight"},
	{From: "spec.analysis.stepWeight", To: "canary.steps[].weight"},
	{From: "spec.analysis.stepWeights", To: "canary.steps[].weight"},
	{From: "spec.analysis.stepWeightPromotion", To: "canary.steps[].ramp", Note: "a ramp to 100 that takes as long"},
	{From: "spec.analysis.threshold", Note: "a canary that is worse is given up when that is sure: see docs/analysis.md"},
	{From: "spec.analysis.primaryReadyThreshold", Lost: true, Note: "the stable version is never without traffic while it has an endpoint"},
	{From: "spec.analysis.canaryReadyThreshold", To: "canary.minHealthy"},
	{From: "spec.analysis.match[].headers", To: "canary.steps[].match", Note: "exact, regex and prefix; one for cookie stays a header"},
	{From: "spec.analysis.match[].sourceLabels", Lost: true, Note: "an Envoy gateway does not know the Pods that ask"},
	{From: "spec.analysis.mirror", To: "canary.steps[].mirror"},
	{From: "spec.analysis.mirrorWeight", To: "canary.steps[].mirror.percent"},
	{From: "spec.analysis.sessionAffinity", Lost: true, Note: "spec.stickiness keeps each user with one version, by a header or a cookie: read what it says of names first"},
	{From: "spec.analysis.metrics[].name", To: "canary.analysis", Note: "request-success-rate; for others, a hook asks a service of yours"},
	{From: "spec.analysis.metrics[].thresholdRange", To: "canary.analysis.maxErrorRate", Note: "100 less the minimum of request-success-rate"},
	{From: "spec.analysis.metrics[].threshold", To: "canary.analysis.maxErrorRate", Note: "100 less that of request-success-rate"},
	{From: "spec.analysis.metrics[].interval", Note: "everything that was counted since the first share counts"},
	{From: "spec.analysis.metrics[].templateRef", Lost: true, Note: "a hook (spec.hooks) asks a service of yours"},
	{From: "spec.analysis.metrics[].templateVariables", Lost: true, Note: "a hook (spec.hooks) asks a service of yours"},
	{From: "spec.analysis.metrics[].query", Lost: true, Note: "a hook (spec.hooks) asks a service of yours"},
	{From: "spec.analysis.webhooks[].name", To: "hooks[].name"},
	{From: "spec.analysis.webhooks[].type", To: "hooks[].when", Note: "confirm-rollout and pre-rollout: before; rollout: during; confirm-traffic-increase: increase; confirm-promotion: promotion; post-rollout: after and rollback; event: notifications"},
	{From: "spec.analysis.webhooks[].url", To: "hooks[].url", Note: "the body is another one: see docs/hooks.md"},
	{From: "spec.analysis.webhooks[].timeout", To: "hooks[].timeout"},
	{From: "spec.analysis.webhooks[].retries", To: "hooks[].retries"},
	{From: "spec.analysis.webhooks[].metadata", Lost: true, Note: "put it into the address; the body says which Rollout, versions and step it is"},
	{From: "spec.analysis.webhooks[].muteAlert", Note: "notifications[].events says what is told"},
	{From: "spec.analysis.webhooks[].disableTLS", Lost: true, Note: "certificates are always checked"},
	{From: "spec.analysis.alerts", Lost: true, Note: "spec.notifications tells Slack and others; name the Secret that has the address"},
}, common...)
