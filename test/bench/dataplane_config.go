package main

// answeringEnvoy is the backend: nothing else answers as fast.
const answeringEnvoy = `static_resources:
  listeners:
  - name: backend
    address: {socket_address: {address: 127.0.0.1, port_value: $BACKEND}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: backend
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "a hundred bytes of an answer, which is about what a small page, or an answer of an API, may well have.."}}}]
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
`

// minimalEnvoy is what one would write by hand who knows the backend and nothing else: Envoy's defaults, no limits,
// no retries, no statistics to anybody.
const minimalEnvoy = `static_resources:
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: $HTTP}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: backend}}]}
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  - name: tcp
    address: {socket_address: {address: 127.0.0.1, port_value: $TCP}}
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: backend}
  clusters:
  - name: backend
    type: STATIC
    load_assignment:
      cluster_name: backend
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $BACKEND}}}}]}]
`

// dataplaneManifests are the same in manifests.
const dataplaneManifests = `apiVersion: gateway-cp.io/v1alpha1
kind: Fleet
metadata: {name: default}
spec:
  addresses: [127.0.0.1]
  serviceListener: {address: 127.0.0.1, port: $NAMES}
  nodePorts: {range: 1024-65535}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gateway-cp}
spec: {controllerName: gateway-cp.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gateway-cp
  listeners: [{name: http, port: $GATEWAY, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: $BACKEND, nodePort: $NODEHTTP}
  - {name: tcp, port: 81, targetPort: $BACKEND, nodePort: $NODETCP}
---
apiVersion: gateway-cp.io/v1alpha1
kind: Workload
metadata: {name: web, labels: {app: web}}
spec: {addresses: [127.0.0.1]}
`
