package api

// togetherReasons are about objects that do not go together.
var togetherReasons = []ReasonInfo{
	{
		ReasonBackendNotFound, groupTogether,
		"A route names a backend that does not exist or is of a kind that cannot be a backend. The share of requests that would go there is answered with status 500, as the Gateway API asks.",
		"Correct the name, kind or namespace of the reference, or create the Service. Without a namespace, the route's own is meant.",
	},
	{
		ReasonPortNotFound, groupTogether,
		"A port that is named or numbered does not exist: the Service has no such port (also in the sectionName of a BackendPolicy), none of the endpoints has a port with the name of the targetPort, or a probe names an unknown port.",
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
		"A listener names a Secret that does not exist, is not of type kubernetes.io/tls, or has no usable certificate. Connections that need it are not accepted; all others are. Or a BackendTLSPolicy names a ConfigMap that does not exist or has no certificate authority in ca.crt: while it has no other, requests to the Services that it is for are answered 503.",
		"Create or repair the Secret or ConfigMap, or correct certificateRefs or caCertificateRefs.",
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
		"Two listeners ask for the same address, port and hostname, or for different protocols on the same port. The older one keeps serving; the other one has no effect. Within one Gateway, the object is not taken. Where Gateways that share an address and port differ in annotations about the addresses of clients, the older one decides. A listener of a Gateway, and the service listener of a Fleet, win over what a Service has of its own: its node ports and load balancer addresses.",
		"Change the port, hostname or address of one of the two.",
	},
	{
		ReasonProbesDiffer, groupTogether,
		"Endpoints of one Service have different readiness probes, but Envoy checks all endpoints of a cluster in the same way. The problem says which probe is used.",
		"Give all Workloads or Pods of the Service the same probe, or put them under Services or versions of their own.",
	},
	{
		ReasonProbeUnsupported, groupTogether,
		"Envoy cannot carry out the probe: it can send HTTP and gRPC requests and open TCP connections, but not run a command inside a container. For gRPC, also in a BackendPolicy, the port of the Service must speak HTTP/2.",
		"Offer the check over the network and use httpGet, grpc or tcpSocket.",
	},
	{
		ReasonTargetNotFound, groupTogether,
		"A Rollout, a BackendPolicy or an EndpointSlice names a Service that does not exist in its namespace. It has no effect.",
		"Correct spec.targetRef.name (of a BackendPolicy, spec.targetRefs), or the label kubernetes.io/service-name of the EndpointSlice, or create the Service.",
	},
	{
		ReasonTargetConflict, groupTogether,
		"Several Rollouts, or several BackendPolicies, name the same Service, or the same port of it. The oldest one is obeyed (among equals, the first by name); the others have no effect on it. A BackendPolicy that names the port is no rival of one for the whole Service: it wins for its port.",
		"Remove all but one; put what several BackendPolicies say into one: they are not merged.",
	},
	{
		ReasonDependencyNotFound, groupTogether,
		"A Rollout shall begin after another one (spec.after) that is not there. It does not begin before the other exists and is through; what it has stays as it is.",
		"Correct the name or the namespace, or take the entry out of spec.after. gateway-cp rollout promote has it begin all the same.",
	},
	{
		ReasonDependencyCycle, groupTogether,
		"Rollouts wait for each other in a circle (spec.after). When versions of all of them change at once, none begins.",
		"Take one of the entries out of spec.after. gateway-cp rollout promote has one of them begin all the same.",
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
		ReasonExternalNameLoop, groupTogether,
		"The name that a Service of type ExternalName stands for is one of the fleet itself: of one of its Services, in its cluster domain, a host name of one of its Gateways or routes, or localhost. Requests would go round until a limit stops them. The Service carries no traffic: its names are answered 404, and backends of routes that refer to it 500. DNS answers its name all the same.",
		"Refer to the Service that is meant by its own name, or write the name that the server outside has of its own.",
	},
	{
		ReasonExternalIPRefused, groupTogether,
		"A Service asks for an address (spec.externalIPs) that no Fleet that serves it permits. Nothing listens there for it; its names, cluster IPs and node ports are served.",
		"Add the address to spec.externalIPRanges of the Fleet if whoever may write Services there may have it, and give it to the machines of the Envoys; or take it out.",
	},
}
