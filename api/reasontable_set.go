package api

// setReasons are about the whole set, policy tests and the fleet.
var setReasons = []ReasonInfo{
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
