package api

// Reasons explains every reason, in the order of docs/problems.md, which is made from it.
var Reasons = []ReasonInfo{
	{
		ReasonFileUnreadable, groupFiles,
		"A file or directory cannot be read, for example for lack of permission or because a symbolic link leads nowhere or in a circle. What checks manifests offline (validate, diff, explain, translate, test) does not follow links out of the given paths and the Git work tree that they are in, nor to what Git keeps there, since a report would show lines of files that are not theirs. The objects that were read from it before stay in effect.",
		"Make the file readable to the user that gateway-cp runs as, or repair or remove the link. A link that leads outside: copy what it leads to, give that as a path, or leave the link out with --exclude (bazel-*, for example).",
	},
	{
		ReasonFileTooLarge, groupFiles,
		"A file is larger than gateway-cp reads (16 MiB). It is skipped; the objects that were read from it before stay in effect.",
		"Split the file into smaller ones.",
	},
	{
		ReasonNoObjects, groupFiles,
		"What validate was given has no objects at all, such as an empty directory or only hidden files, so that nothing was checked. Standard input without a single character is an error: most often the command before it in the pipe has failed.",
		"Check the paths, and that the command before the pipe succeeds (set -o pipefail). Where nothing is as it should be, --severity NoObjects=off says so.",
	},
	{
		ReasonInvalidYAML, groupFiles,
		"A document is not well-formed YAML or JSON, its aliases expand to too much, or a field has a value of another type than the kind asks for. The document is skipped; when it held an object before, that object's last good version stays in effect.",
		"Correct the document at the line that is given. Strings that look like numbers, such as \"1.10\" or \"yes\", must be quoted.",
	},
	{
		ReasonUnknownField, groupFiles,
		"An object has a field that its kind does not have. Most often it is misspelt or indented wrongly, and what was meant would silently not happen; so the object is not taken, and its last good version stays in effect.",
		"Use the name that is suggested, move the field to where it belongs, or remove it.",
	},
	{
		ReasonUnknownKind, groupFiles,
		"An object is of a kind, or in a version of a kind, that gateway-cp does not read, such as a Deployment. It is ignored, which is fine when other software reads it. validate knows the kinds of Kubernetes, of the Gateway API and those that have a CRD; in their groups, a kind that there is not is an error.",
		"Nothing, if the object is meant for other software. Otherwise correct apiVersion and kind.",
	},
	{
		ReasonRemovedAPIVersion, groupFiles,
		"An object is written in an apiVersion that Kubernetes, or the CRD of its kind, does not serve any more. An API server refuses it.",
		"Write it in the apiVersion that the hint names. Fields may have moved: the Kubernetes deprecation guide (https://kubernetes.io/docs/reference/using-api/deprecation-guide/) says how.",
	},
	{
		ReasonDeprecatedAPIVersion, groupFiles,
		"An object is written in an apiVersion, or is of a kind, that is deprecated. It still works, until a later version of Kubernetes or of the CRD takes it away.",
		"Write it in the apiVersion, or as the kind, that the hint names.",
	},
	{
		ReasonDuplicateObject, groupFiles,
		"The same object (kind, namespace and name) is written in more than one place, so it is not clear which one is meant. The place that came first stays in effect, also over a restart; where both are new, the first in the order of paths and lines is. The problem is at the other place and names both. validate tells of every kind, serve of those that it reads.",
		"Remove or rename one of the two.",
	},
	{
		ReasonSourceHeld, groupFiles,
		"Most objects vanished from the source in one step (more than half of at least 10, or all of at least 3), or its directory is gone, as it happens when a volume is not mounted or a checkout goes wrong. Of an API server, objects count that it lists no more and that were not seen to be deleted, as after a restored backup. The last state is held and stays in effect.",
		"Bring the objects back, or confirm with gateway-cp fleet confirm that they are meant to be gone.",
	},
	{
		ReasonLastGoodInEffect, groupFiles,
		"The object as it is written now has an error, and an earlier version without errors is in effect instead.",
		"Correct the error that is reported beside this one. The new version takes effect at once.",
	},
	{
		ReasonInvalidSuppression, groupFiles,
		"A comment gateway-cp:ignore, or the annotation gateway-cp.io/ignore, names a reason that does not exist or that cannot be ignored, or does not say why the problem is fine. It has no effect.",
		"Write the name of the reason and a few words why: `# gateway-cp:ignore SelectorMatchesNone its Pods are not in Git`.",
	},
	{
		ReasonUnusedSuppression, groupFiles,
		"A comment gateway-cp:ignore, or the annotation gateway-cp.io/ignore, is about a problem that is not there: not in the document, the next line or the line that it belongs to, or not any more. It would hide the problem should it come back.",
		"Remove the comment, or move it: over the first line of the document, alone over the line, or to its end.",
	},
	{
		ReasonSourceUnavailable, groupServer,
		"The Kubernetes API server has not answered for some seconds, or refuses to list or watch the kinds that are named. What it said last stays in effect, and Envoys go on; changes are not seen.",
		"Check that the server runs and can be reached from gateway-cp, and that the role of its ServiceAccount permits get, list and watch. It is tried again every few seconds.",
	},
	{
		ReasonKindNotInstalled, groupServer,
		"The Kubernetes API server does not know a kind that gateway-cp reads: its CRD is not installed. Everything else works.",
		"Nothing, if you do not use the kind. Otherwise install its CRD: that of the Gateway API, or those in deploy/crds. Objects are read as soon as it is there.",
	},
	{
		ReasonInvalidField, groupObject,
		"A field has a value that is out of range, of the wrong form, or in conflict with another field of the same object. As an error, the object is not taken and its last good version stays in effect; as a warning, the field has no effect or most likely not the one that was meant.",
		"Change the field as the problem's hint says.",
	},
	{
		ReasonMissingField, groupObject,
		"A field that is needed is not there or empty. As an error, the object is not taken and its last good version stays in effect; as a warning, the object has no effect without it.",
		"Add the field.",
	},
	{
		ReasonInvalidName, groupObject,
		"A name of an object, label, port or namespace is not one that Kubernetes allows. Names become parts of DNS names, so upper case, '_' and long names cannot be used.",
		"Rename it: lower-case letters, digits and '-', beginning and ending with a letter or digit. Change what refers to it as well.",
	},
	{
		ReasonInvalidCertificate, groupObject,
		"A Secret of type kubernetes.io/tls does not hold a certificate and key that Envoy can use: one is missing, cannot be parsed, is too weak, or they do not belong together. The Secret's last good version stays in effect, and no other listener suffers.",
		"Put the PEM certificate chain (the server's own certificate first) into tls.crt and its unencrypted PEM key into tls.key; use RSA with at least 2048 bits, ECDSA (P-256, P-384 or P-521) or Ed25519. `openssl x509 -noout -pubkey` of the certificate and `openssl pkey -pubout` of the key must print the same.",
	},
	{
		ReasonInvalidRegex, groupObject,
		"A regular expression is not valid RE2, which is what Envoy matches with. RE2 has no look-around and no back-references, so that its running time stays linear. The object is not taken; its last good version stays in effect.",
		"Write the expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax). It is compared with the whole text, so no '^' and '$' are needed.",
	},
	{
		ReasonInvalidWeights, groupObject,
		"The shares of a Rollout do not sum to exactly 100 or are not in steps of 0.01, or a weight of a backendRef is out of range. The object is not taken; the traffic stays where it is.",
		"Change the shares so that they sum to 100. Write decimals as strings, such as \"99.95\". Weights of backendRefs are from 0 to 1000000 and need not sum to anything.",
	},
	{
		ReasonUnsupportedField, groupObject,
		"The field is valid, but gateway-cp does not do yet what it asks for. As an error, ignoring it would be unsafe (a filter that keeps requests out, for example): a rule of a route that needs it answers with status 500, as the Gateway API asks, while its other rules work; any other object has no effect, and its last good version stays. As a warning, the object works without it.",
		"Remove the field, or use what the hint names instead.",
	},
	{
		ReasonBackendNotFound, groupTogether,
		"A route names a backend that does not exist or is of a kind that cannot be a backend. The share of requests that would go there is answered with status 500, as the Gateway API asks.",
		"Correct the name, kind or namespace of the reference, or create the Service. Without a namespace, the route's own is meant.",
	},
	{
		ReasonPortNotFound, groupTogether,
		"A port that is named or numbered does not exist: the Service has no such port, none of the endpoints has a port with the name of the targetPort, or a probe names an unknown port.",
		"Correct the port, or add it to the object that should have it.",
	},
	{
		ReasonAmbiguousPort, groupTogether,
		"A Service has several ports, none of them 80, so a request whose Host has no port does not say which one is meant. It is answered with status 404; requests that give the port work.",
		"Give the port in the request's Host, or let the Service listen on port 80 as well.",
	},
	{
		ReasonSelectorMatchesNone, groupTogether,
		"A selector matches no Pod or Workload and no EndpointSlice belongs to the Service, so requests to it are answered with status 503.",
		"Compare the selector with the labels of the Pods or Workloads in the same namespace.",
	},
	{
		ReasonRefNotPermitted, groupTogether,
		"An object refers to one in another namespace, and no ReferenceGrant there permits it. The reference has no effect: a backend is answered with status 500, a certificate is not served.",
		"Add a ReferenceGrant to the namespace that is referred to, from the kind and namespace of the object that refers, to the kind that is referred to.",
	},
	{
		ReasonCertificateNotFound, groupTogether,
		"A listener names a Secret that does not exist, is not of type kubernetes.io/tls, or has no usable certificate. Connections that need it are not accepted; all others are.",
		"Create or repair the Secret, or correct certificateRefs.",
	},
	{
		ReasonGatewayClassNotFound, groupTogether,
		"A Gateway names a GatewayClass that does not exist. The Gateway has no effect. In validate it is an error where the set has a GatewayClass of almost that name, and a warning otherwise: it may be installed elsewhere.",
		"Create the GatewayClass, or correct spec.gatewayClassName.",
	},
	{
		ReasonFleetNotFound, groupTogether,
		"A GatewayClass names a Fleet in its parametersRef that does not exist, and its Gateways have no effect; or an Envoy says that it is of such a fleet (node.cluster), and gets no configuration.",
		"Create the Fleet, or correct parametersRef or the Envoy's bootstrap (--fleet). Without either, the Fleet \"default\" is meant, which needs no object.",
	},
	{
		ReasonGatewayNotSelected, groupTogether,
		"The Fleet that a Gateway's class names selects Gateways by their labels, and does not select this one. No Envoy serves it.",
		"Give the Gateway the labels of the Fleet's spec.gatewaySelector, or change the selector, or use a GatewayClass of another Fleet.",
	},
	{
		ReasonParentNotFound, groupTogether,
		"A route names a Gateway, or a listener of a Gateway (sectionName, port), that does not exist. The route is not attached there.",
		"Correct parentRefs, or create the Gateway or listener. Without a namespace, the route's own is meant.",
	},
	{
		ReasonHostnameMismatch, groupTogether,
		"None of a route's hostnames falls under the hostname of the listener that it names, so no request could ever match. The route is not attached there.",
		"Make them overlap: a listener for *.example.com takes a.example.com, but not example.com.",
	},
	{
		ReasonRouteNotAllowed, groupTogether,
		"The listener's allowedRoutes does not permit the namespace or kind of the route. The route is not attached there. Nothing said, a listener takes routes of its own namespace only.",
		"Change allowedRoutes of the listener, or move the route.",
	},
	{
		ReasonListenerConflict, groupTogether,
		"Two listeners ask for the same address, port and hostname, or for different protocols on the same port. The older one keeps serving; the other one has no effect. Within one Gateway, the object is not taken. A listener of a Gateway, and the service listener of a Fleet, win over what a Service has of its own: its node ports and load balancer addresses.",
		"Change the port, hostname or address of one of the two.",
	},
	{
		ReasonProbesDiffer, groupTogether,
		"Endpoints of one Service have different readiness probes, but Envoy checks all endpoints of a cluster in the same way. The problem says which probe is used.",
		"Give all Workloads or Pods of the Service the same probe, or put them under Services or versions of their own.",
	},
	{
		ReasonProbeUnsupported, groupTogether,
		"Envoy cannot carry out the probe: it can send HTTP and gRPC requests and open TCP connections, but not run a command inside a container.",
		"Offer the check over the network and use httpGet, grpc or tcpSocket.",
	},
	{
		ReasonTargetNotFound, groupTogether,
		"A Rollout, or an EndpointSlice, names a Service that does not exist in its namespace. It has no effect.",
		"Correct spec.targetRef.name, or the label kubernetes.io/service-name of the EndpointSlice, or create the Service.",
	},
	{
		ReasonTargetConflict, groupTogether,
		"Several Rollouts name the same Service. The oldest one is obeyed (among equals, the first by name); the others have no effect.",
		"Remove all but one.",
	},
	{
		ReasonVersionEmpty, groupTogether,
		"A version of a Rollout that shall have traffic selects no endpoint that can take it. It gets none until it has one; the traffic stays where it is.",
		"Start the version, or correct its selector. It is merged over the Service's selector, and both must match.",
	},
	{
		ReasonVersionUnhealthy, groupTogether,
		"No endpoint of a version of a Rollout passes its health check any more on any Envoy. With traffic by hand, its share goes to the other versions until it has healthy endpoints again; the live version of blueGreen keeps the traffic, as does the last version when all are unhealthy, and requests to it are answered with status 503.",
		"Look at the processes of the version. To take the traffic away from it, change spec.traffic, or name another version as spec.blueGreen.active.",
	},
	{
		ReasonInvalidResource, groupTogether,
		"What was made from the object does not pass Envoy's own validation, so it is never sent; every Envoy keeps the last good version that it has.",
		"Look at the message for the field that is out of range and change the object accordingly. If nothing in the object explains it, it is an error in gateway-cp: please report it with the object.",
	},
	{
		ReasonNodePortConflict, groupTogether,
		"A Service asks for a node port that another one has, with the same protocol. The one that had it first keeps it; when none had, the first by namespace and name. The other port keeps the node port that it had, or has none. Kubernetes refuses such a Service.",
		"Change or remove nodePort of one of the two; without one, a free one is chosen.",
	},
	{
		ReasonNodePortOutOfRange, groupTogether,
		"A Service asks for a node port outside the range of a Fleet that serves it (30000-32767 unless the Fleet says otherwise). The port keeps the node port that it had, or has none. Kubernetes refuses such a Service.",
		"Choose a node port in the range, leave it out to have one chosen, or change spec.nodePorts.range of the Fleet.",
	},
	{
		ReasonNodePortsExhausted, groupTogether,
		"A Service shall have a node port, and none in the range of its Fleet is free. The port has none; everything else of the Service is served.",
		"Widen spec.nodePorts.range of the Fleet, or remove Services of type NodePort or LoadBalancer that nobody needs.",
	},
	{
		ReasonClusterIPConflict, groupTogether,
		"A Service asks for a cluster IP that another one has. The one that had it first keeps it; when none had, the first by namespace and name. The other keeps the cluster IP that it had, or has none. Kubernetes refuses such a Service.",
		"Remove clusterIP (and clusterIPs) of one of the two. It is often left over from a Service that was copied out of a cluster.",
	},
	{
		ReasonClusterIPsExhausted, groupTogether,
		"A Service shall have a cluster IP, and none in the range of its Fleet is free. It has none; everything else of the Service is served.",
		"Give the Fleet a wider range in spec.clusterIPRanges, or remove Services that nobody needs.",
	},
	{
		ReasonLoadBalancerAddressUnavailable, groupTogether,
		"A Service asks for an address (spec.loadBalancerIP) that no Fleet has for load balancers, or on which another Service has one of its ports. It keeps the address that it had, or has none; its node ports are served.",
		"Choose another address, leave it out to have one chosen, or change spec.loadBalancer.addresses of the Fleet.",
	},
	{
		ReasonLoadBalancerAddressMissing, groupTogether,
		"A Service of type LoadBalancer has no address: the Fleet that serves it has none for load balancers, or its ports are in use on all of them. Its node ports are served.",
		"Give the Fleet addresses, or more of them, in spec.loadBalancer.addresses. Where something else is the load balancer in front of the node ports, name it in spec.loadBalancerClass of the Service.",
	},
	{
		ReasonRouteConflict, groupSet,
		"Two HTTPRoutes ask for the same requests: same hostname, path, method, headers and query parameters on the same listener. One of them gets all of these requests, the other none: the older one wins, then the first by namespace and name (manifests without creationTimestamp are of the same age). Neither author sees it in his own file.",
		"Change the hostname, path or match of one of the two, or remove it. To share requests out between backends, list both as backendRefs of one rule with weights.",
	},
	{
		ReasonRuleUnreachable, groupSet,
		"A match of a rule gets no request, since another one goes before it and takes them all, at every hostname and listener that the route answers. The order is not that of the file: the more specific hostname goes first, then an exact path, the longer path, a method, more headers, more query parameters, the older route, the first by namespace and name, and only then the first in the list. A regular expression stands among the prefixes by its length in characters, so that one of \".*\" goes before the prefix \"/\".",
		"Remove the match, or let one of the two ask for something that the other does not take.",
	},
	{
		ReasonMatchNeverTrue, groupSet,
		"A match asks for what no request has when it comes to routing: a path that does not begin with '/' or holds a query, an escape that Envoy has decoded before it compares, a header that Envoy writes itself, or the method CONNECT, which listeners do not take.",
		"Change the match as the problem's hint says. A regular expression is compared with the whole path, from the '/' at its beginning, without the query.",
	},
	{
		ReasonHostnameUnserved, groupSet,
		"A route is attached, but one of its hostnames gets no request: no listener that the route is attached to takes it, or another listener on the same port has a more specific hostname, and the route is not attached to that one.",
		"Correct the hostname, give the Gateway a listener for it, or name the listener with the more specific hostname in parentRefs as well.",
	},
	{
		ReasonRedirectLoop, groupSet,
		"A rule redirects requests to the very address that they came to, at once or by way of other rules, so that a client goes round in circles until it gives up. Most often a route that redirects to HTTPS is attached to the HTTPS listener, too, since its parentRef has no sectionName.",
		"Name the listener that the redirect is meant for (sectionName in parentRefs), or redirect to another host, port or path.",
	},
	{
		ReasonGrantWithoutTarget, groupSet,
		"A ReferenceGrant permits references to a Service by a name that no Service of its namespace has, although the set holds others there. It permits nothing.",
		"Correct the name, or leave it out to mean all Services of the namespace.",
	},
	{
		ReasonControllerNameMistyped, groupSet,
		"The controllerName of a GatewayClass is almost the one of gateway-cp. The class belongs to some other controller then, and its Gateways are silently not served.",
		"Write gateway-cp.io/gateway-controller, or ignore the problem if there really is another controller of that name.",
	},
	{
		ReasonVersionsOverlap, groupSet,
		"Two versions of a Rollout select some of the same Pods or Workloads. Their traffic is then not split as the weights say: what both select gets requests of either version, and a version that is meant to be without traffic is not.",
		"Give each version a label with a value of its own, such as version: blue and version: green. A version's selector is laid over that of the Service.",
	},
	{
		ReasonNoWayBack, groupSet,
		"A blue/green Rollout, or a canary, has holdOld 0s: the version that had the traffic is given up the moment the new one has it. When the new version turns out to be bad, there is no instant way back, and requests that are still under way at the old one are at its mercy.",
		"Leave holdOld out (10m), or set it to the time in which you would notice.",
	},
	{
		ReasonStepGoesDown, groupSet,
		"A step of a canary takes traffic away from the version that shall have all of it in the end. The rollout does what it says.",
		"Put the steps in order. If it is meant, say so with gateway-cp:ignore.",
	},
	{
		ReasonStepWithoutEffect, groupSet,
		"A step of a canary is over the moment it begins: the next one sets another share, and there is no pause between them; or it sets the share that there is already.",
		"Put a pause between the steps, or leave the step out.",
	},
	{
		ReasonAnalysisCannotConclude, groupSet,
		"The analysis of a canary cannot be done when its steps are. Either no step gives the canary a part of the traffic, so that there is nothing to compare: it waits without end. Or the Service gets so few requests (`analysis.expectedRequestsPerSecond`) that even a canary without any error does not pass by the end of the steps: it waits with the last share until it does.",
		"Begin with a step such as weight: 5 and a pause. Where there is too little traffic, give the steps more time or larger shares, or the analysis a larger margin.",
	},
	{
		ReasonCertificateExpired, groupSet,
		"A certificate is past its end at the date that is looked at. It is served, but clients refuse it.",
		"Renew the certificate and replace the Secret.",
	},
	{
		ReasonCertificateExpiring, groupSet,
		"The certificate of an HTTPS listener ends within 30 days of the date that is looked at. Clients refuse it from then on.",
		"Renew the certificate and replace the Secret; better, have it renewed by software, such as cert-manager.",
	},
	{
		ReasonCertificateNotYetValid, groupSet,
		"A certificate begins after the date that is looked at. It is served, but clients refuse it until then. A clock that was wrong when it was issued does the same.",
		"Wait with the change, or issue the certificate again with an earlier beginning.",
	},
	{
		ReasonCertificateHostMismatch, groupSet,
		"No certificate of an HTTPS listener is for a hostname that is served there, so clients refuse the connection. Only the names in the certificate's subject alternative names count, not its common name, and a wildcard stands for exactly one label: *.example.com is for a.example.com, but neither for example.com nor for a.b.example.com.",
		"Issue a certificate whose subject alternative names cover the hostname, name another Secret, or change the hostname.",
	},
	{
		ReasonCertificateWeak, groupSet,
		"A certificate in the chain of an HTTPS listener is signed with SHA-1 or MD5. Such signatures can be forged, and clients have refused them since 2017.",
		"Issue the certificate again with SHA-256 or better.",
	},
	{
		ReasonCertificateChainBroken, groupSet,
		"The certificates in tls.crt do not follow from each other: each must be issued by the next. Clients that do not happen to know the missing one refuse the connection; browsers often do know it, which hides the mistake.",
		"Put the server's certificate first, then the one that issued it, and so on. The root need not be there.",
	},
	{
		ReasonCertificateUnsuited, groupSet,
		"The first certificate of an HTTPS listener is not made for a server: it is that of a certification authority, or its extended key usage leaves out server authentication. Many clients refuse it. Whoever holds the key of an authority's certificate can issue certificates for any name.",
		"Put the server's own certificate first. openssl req -x509 makes an authority's certificate unless -addext basicConstraints=CA:FALSE is given.",
	},
	{
		ReasonListenerOpenToAll, groupSet,
		"A listener without a hostname, or with a wildcard, takes routes from all namespaces: whoever may create an HTTPRoute anywhere can answer for any hostname under it, also for one that another team uses for a path that is not taken yet.",
		"Allow the namespaces that need it (allowedRoutes.namespaces.from: Selector), or give the listener the hostnames it is for. Ignore the problem where all namespaces are in the same hands.",
	},
	{
		ReasonCatchAllRoute, groupSet,
		"A route answers requests for every hostname and path, on a listener where other routes name their hostnames. Requests for unknown hosts, such as those of scanners that try IP addresses, reach its backend instead of being answered 404.",
		"Give the route the hostnames that it is for, or remove it.",
	},
	{
		ReasonGrantToAllSecrets, groupSet,
		"A ReferenceGrant lets another namespace use every Secret of this one, also those that are no certificates and those that come later.",
		"Name the Secret (spec.to[].name), with an entry for each.",
	},
	{
		ReasonPlainHTTPAnswered, groupSet,
		"A hostname that is served over HTTPS is answered over plain HTTP by the same route, rather than redirected. What clients send there, cookies included, can be read and changed on the way. Most often the parentRef has no sectionName, so that the route is attached to both listeners.",
		"Name the HTTPS listener in parentRefs (sectionName), and attach a route to the HTTP listener that redirects: a RequestRedirect filter with scheme: https.",
	},
	{
		ReasonAdminPortExposed, groupSet,
		"A route leads to a port of a Service that is named like one for administration, such as metrics, admin or debug, through a Gateway. Such ports seldom ask who is there.",
		"Refer to the port that is meant for clients. Ignore the problem if the port is meant to be reached, and protected.",
	},
	{
		ReasonTestFailed, groupTests,
		"An expectation of a test file (gateway-cp test) does not hold: requests go elsewhere than it says, or what it says cannot be decided, as with a request that no listener takes, or routes of which there are none.",
		"The problem stands at the line of the expectation, and its hint names the route, with file and line, that decides. Change the manifests, or the test if that is meant. gateway-cp explain shows the whole way of a request.",
	},
	{
		ReasonInvalidTest, groupTests,
		"A test of a test file cannot be run: a field does not exist or has no sense, or the test names a Service, port or version that is not there, so that it could not fail. Other tests of the file are run. A TrafficTest in a file named like a manifest is none of the tests either.",
		"Correct what the problem says. Test files are described in docs/policy-tests.md, and are named *.traffictest.",
	},
	{
		ReasonRefusedByEnvoy, groupFleet,
		"An Envoy refused a resource that was made from the object. Only that resource is held back: the Envoy keeps its last good version, and everything else is delivered. It is tried again as soon as the object changes.",
		"Look at Envoy's message, which is part of the problem, and change the object accordingly. An Envoy older than 1.40 may lack a feature.",
	},
	{
		ReasonDuplicateNodeID, groupFleet,
		"Several Envoys that are connected say that they have the same node id. Each gets its configuration, and each is shown; but what they report about the health of endpoints and about requests is told apart only by the connection that it comes over, and an Envoy's history is that of both.",
		"Give each Envoy an id of its own: bootstrap --node-id, or node.id in its bootstrap. The problem names the addresses that they connect from.",
	},
}

// Explain gives what is known about a reason. It is false for a reason that does not exist.
func Explain(reason Reason) (ReasonInfo, bool) {
	for _, info := range Reasons {
		if info.Reason == reason {
			return info, true
		}
	}
	return ReasonInfo{}, false
}
