package schematest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/source/files"
)

// badServices are Services with one field wrong, and badSlices EndpointSlices: for every field of the API that can be
// wrong, each way in which it can. "OK" begins those that only look so.
var (
	badServices = []string{
		`type: Fancy, ports: [{port: 80}]`,
		`type: ClusterIP`,
		`ports: []`,
		`ports: [{}]`,
		`ports: [{port: 0}]`,
		`ports: [{port: 65536}]`,
		`ports: [{port: -1}]`,
		`ports: [{port: 80, protocol: tcp}]`,
		`ports: [{port: 80, protocol: ICMP}]`,
		`ports: [{port: 80, name: Web}]`,
		`ports: [{port: 80, name: a_b}]`,
		`ports: [{port: 80}, {port: 81}]`,
		`ports: [{port: 80, name: a}, {port: 81}]`,
		`ports: [{port: 80, name: a}, {port: 81, name: a}]`,
		`ports: [{port: 80, name: a}, {port: 80, name: b}]`,
		`OK ports: [{port: 80, name: a}, {port: 80, name: b, protocol: UDP}]`,
		`ports: [{port: 80, targetPort: 65536}]`,
		`ports: [{port: 80, targetPort: -1}]`,
		`ports: [{port: 80, targetPort: Web}]`,
		`ports: [{port: 80, targetPort: a-name-of-more-than-15-letters}]`,
		`ports: [{port: 80, targetPort: "80"}]`,
		`ports: [{port: 80, targetPort: a--b}]`,
		`ports: [{port: 80, appProtocol: "no protocol"}]`,
		`ports: [{port: 80, appProtocol: "/http"}]`,
		`ports: [{port: 80, appProtocol: "a/b/c"}]`,
		`OK ports: [{port: 80, appProtocol: example.com/http}]`,
		`ports: [{port: 80, nodePort: 30080}]`,
		`type: ClusterIP, ports: [{port: 80, nodePort: 30080}]`,
		`type: NodePort, ports: [{port: 80, name: a, nodePort: 30080}, {port: 81, name: b, nodePort: 30080}]`,
		`selector: {"a b": c}, ports: [{port: 80}]`,
		`selector: {a: "b c"}, ports: [{port: 80}]`,
		`selector: {"": a}, ports: [{port: 80}]`,
		`selector: {a: [b]}, ports: [{port: 80}]`,
		`clusterIP: x, ports: [{port: 80}]`,
		`clusterIP: 10.96.0.300, ports: [{port: 80}]`,
		`clusterIP: 10.96.0.5, clusterIPs: [10.96.0.6], ports: [{port: 80}]`,
		`clusterIPs: [10.96.0.6], ports: [{port: 80}]`,
		`clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5, 10.96.0.6], ports: [{port: 80}]`,
		`clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5, "fd00::1", "fd00::2"], ports: [{port: 80}]`,
		`clusterIP: None, clusterIPs: [None, 10.96.0.5], ports: [{port: 80}]`,
		`type: NodePort, clusterIP: None, ports: [{port: 80}]`,
		`type: LoadBalancer, clusterIP: None, ports: [{port: 80}]`,
		`OK clusterIP: None`,
		`ipFamilies: [IPv5], ports: [{port: 80}]`,
		`ipFamilies: [IPv4, IPv4], ports: [{port: 80}]`,
		`ipFamilyPolicy: Whatever, ports: [{port: 80}]`,
		`ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6], ports: [{port: 80}]`,
		`clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5], ipFamilies: [IPv6], ports: [{port: 80}]`,
		`externalIPs: [x], ports: [{port: 80}]`,
		`externalIPs: [0.0.0.0], ports: [{port: 80}]`,
		`externalIPs: [169.254.1.1], ports: [{port: 80}]`,
		`externalIPs: [224.0.0.1], ports: [{port: 80}]`,
		`sessionAffinity: Cookie, ports: [{port: 80}]`,
		`sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]`,
		`sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: -1}}, ports: [{port: 80}]`,
		`sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, ports: [{port: 80}]`,
		`OK sessionAffinity: None, sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}, ports: [{port: 80}]`,
		`type: ExternalName`,
		`type: ExternalName, externalName: ""`,
		`type: ExternalName, externalName: "a b"`,
		`type: ExternalName, externalName: Example.com`,
		`OK type: ExternalName, externalName: example.com.`,
		`type: ExternalName, externalName: example.com, clusterIP: 10.96.0.5`,
		`type: ExternalName, externalName: example.com, ipFamilies: [IPv4]`,
		`type: ExternalName, externalName: example.com, ipFamilyPolicy: SingleStack`,
		`externalTrafficPolicy: Local, ports: [{port: 80}]`,
		`type: NodePort, externalTrafficPolicy: Nearby, ports: [{port: 80}]`,
		`internalTrafficPolicy: Nearby, ports: [{port: 80}]`,
		`trafficDistribution: Nearby, ports: [{port: 80}]`,
		`healthCheckNodePort: 30081, ports: [{port: 80}]`,
		`type: LoadBalancer, healthCheckNodePort: 30081, ports: [{port: 80}]`,
		`type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 70000, ports: [{port: 80}]`,
		`allocateLoadBalancerNodePorts: false, ports: [{port: 80}]`,
		`loadBalancerClass: example.com/a, ports: [{port: 80}]`,
		`type: LoadBalancer, loadBalancerClass: "a b", ports: [{port: 80}]`,
		`type: LoadBalancer, loadBalancerClass: "", ports: [{port: 80}]`,
		`loadBalancerSourceRanges: [10.0.0.0/8], ports: [{port: 80}]`,
		`type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.1], ports: [{port: 80}]`,
		`type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/33], ports: [{port: 80}]`,
		`OK type: LoadBalancer, loadBalancerSourceRanges: [" 10.0.0.0/8 "], ports: [{port: 80}]`,
		`publishNotReadyAddresses: maybe, ports: [{port: 80}]`,
		`unheardOf: 1, ports: [{port: 80}]`,
	}
	badSlices = []string{
		`endpoints: [{addresses: [10.0.0.1]}]`,
		`addressType: IPv5, endpoints: [{addresses: [10.0.0.1]}]`,
		`addressType: IPv4, endpoints: [{addresses: []}]`,
		`addressType: IPv4, endpoints: [{}]`,
		`addressType: IPv4, endpoints: [{addresses: [x]}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.300]}]`,
		`addressType: IPv4, endpoints: [{addresses: ["fd00::1"]}]`,
		`addressType: IPv6, endpoints: [{addresses: [10.0.0.1]}]`,
		`addressType: IPv4, endpoints: [{addresses: [0.0.0.0]}]`,
		`addressType: IPv4, endpoints: [{addresses: [224.0.0.1]}]`,
		`addressType: FQDN, endpoints: [{addresses: ["a b"]}]`,
		`addressType: FQDN, endpoints: [{addresses: [example]}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], nodeName: "a b"}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hostname: A_b}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hostname: a.b}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: "a b"}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: a}, {name: a}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forZones: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forNodes: [{name: "a b"}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forNodes: [{name: a}, {name: a}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], hints: {forNodes: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}]}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: perhaps}}]`,
		`addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {late: true}}]`,
		`addressType: IPv4, endpoints: [], ports: [{name: Web, port: 80}]`,
		`addressType: IPv4, endpoints: [], ports: [{name: a, port: 80}, {name: a, port: 81}]`,
		`addressType: IPv4, endpoints: [], ports: [{port: 80}, {port: 81}]`,
		`addressType: IPv4, endpoints: [], ports: [{port: 80, protocol: tcp}]`,
		`OK addressType: IPv4, endpoints: [], ports: [{name: a}]`,
		`addressType: IPv4, endpoints: [], ports: [{port: 80, appProtocol: "no protocol"}]`,
		`addressType: IPv4, endpoints: [], ports: [{port: eighty}]`,
	}
)

// TestServerAgreesOnServices asks a real API server about Services and EndpointSlices with one field wrong: what it refuses,
// validate refuses, and nothing else. Two kinds of cases are left out: addresses on
// loopback, which files may have, and node ports out of any range, which a server refuses only when it keeps them.
func TestServerAgreesOnServices(t *testing.T) {
	s := start(t)
	refused := 0
	for _, kind := range []struct {
		head  string
		cases []string
	}{
		{`{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {%s}}`, badServices},
		{`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, %s}`, badSlices},
	} {
		for _, text := range kind.cases {
			text, fine := strings.CutPrefix(text, "OK ")
			file := filepath.Join(t.TempDir(), "case.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, kind.head, text), 0o600); err != nil {
				t.Fatal(err)
			}
			errs := slices.Concat(admissionErrors(t, file), documents(t, file)[0].errors())
			d := documents(t, file)[0]
			v, err := s.create(d.GVK, d.Key.Namespace, d.JSON)
			switch {
			case err != nil:
				t.Fatal(err)
			case v.refused == fine:
				t.Errorf("%s: the server says %q: the case is wrong", text, v.message)
			case v.refused && len(errs) == 0:
				t.Errorf("%s: only the server refuses it: %s", text, v.message)
			case !v.refused && len(errs) > 0:
				t.Errorf("%s: only we refuse it: %v", text, errs)
			}
			for _, p := range errs {
				if p.Message == "" || p.Position.Line == 0 || p.Position.File == "" {
					t.Errorf("%s: the problem does not say where it is, or what: %+v", text, p)
				}
			}
			if v.refused {
				refused++
			}
		}
	}
	t.Logf("%d refused", refused)
}

// admissionErrors is what a source refuses, before the schemas.
func admissionErrors(t *testing.T, file string) []api.Problem {
	t.Helper()
	loaded, err := files.Load(files.LoadOptions{}, file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(loaded.Problems, func(p api.Problem) bool { return p.Severity != api.Error })
}
