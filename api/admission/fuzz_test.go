package admission

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gateway-cp/gateway-cp/api"
)

// FuzzAdmit decodes bytes into each kind. Admission must not panic, must only speak of the
// object, and must change nothing when it runs on its own result.
func FuzzAdmit(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, info := range api.Kinds() {
			value := info.New()
			if json.Unmarshal(data, value) != nil {
				continue
			}
			problems := admit(value, now)
			for _, p := range problems {
				if p.Object.Kind != info.Kind || p.Reason == "" || p.Severity == "" || p.Message == "" || p.Hint == "" {
					t.Errorf("incomplete problem %+v", p)
				}
			}
			once := value.DeepCopyObject()
			again := admit(value, now)
			if d := cmp.Diff(problems, again); d != "" {
				t.Errorf("%s: problems differ when admitted again:\n%s", info.Kind, d)
			}
			if d := cmp.Diff(once, value.DeepCopyObject()); d != "" {
				t.Errorf("%s: changed when admitted again:\n%s", info.Kind, d)
			}
		}
	})
}

// seeds are objects with most of the fields that are looked at.
func seeds() [][]byte {
	return [][]byte{
		[]byte(`{}`),
		[]byte(`{"metadata":{"name":"a","labels":{"x":"y"}},"spec":{"ports":[{"name":"http","port":80,"targetPort":"http"},{"port":81}],"selector":{"app":"a"},"type":"NodePort","sessionAffinity":"ClientIP","clusterIP":"None"}}`),
		[]byte(`{"metadata":{"name":"a"},"addressType":"IPv4","ports":[{"port":80},{"name":"x"}],"endpoints":[{"addresses":["10.0.0.1","::1"]}],"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":1},{"port":2}]}]}`),
		[]byte(`{"spec":{"gatewayClassName":"x","addresses":[{"value":"10.0.0.1"}],"listeners":[{"name":"a","port":443,"protocol":"HTTPS","hostname":"*.a.b","tls":{"certificateRefs":[{"name":"c"}]},"allowedRoutes":{"kinds":[{"kind":"HTTPRoute"}],"namespaces":{"from":"Selector","selector":{"matchExpressions":[{"key":"a","operator":"In"}]}}}}]}}`),
		[]byte(`{"spec":{"parentRefs":[{"name":"g"},{"name":"g","sectionName":"s"}],"hostnames":["a.b"],"rules":[{"matches":[{"path":{"type":"RegularExpression","value":"/a(b"},"headers":[{"name":"X","value":"1"}],"queryParams":[{"name":"q","value":"1"}],"method":"GET"}],"filters":[{"type":"RequestRedirect","requestRedirect":{"path":{"type":"ReplacePrefixMatch","replacePrefixMatch":"/"}}},{"type":"URLRewrite","urlRewrite":{"hostname":"a"}},{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"m","port":1},"fraction":{"numerator":1}}},{"type":"RequestHeaderModifier","requestHeaderModifier":{"set":[{"name":"a","value":"b"}],"remove":["host"]}}],"backendRefs":[{"name":"b","port":80,"weight":2}],"timeouts":{"request":"1s","backendRequest":"2s"}}]}}`),
		[]byte(`{"spec":{"from":[{"group":"g","kind":"K","namespace":"n"}],"to":[{"group":"","kind":"Secret","name":""}]}}`),
		[]byte(`{"spec":{"targetRef":{"name":"s"},"versions":[{"name":"blue","selector":{"v":"b"}},{"name":"green","selector":{"v":"g"}}],"traffic":{"blue":"99.95","green":0}}}`),
		[]byte(`{"spec":{"targetRef":{"name":"s"},"versions":[{"name":"blue","selector":{"v":"b"}}],"blueGreen":{"active":"blue","minHealthy":"50%","holdOld":"-1s"}}}`),
		[]byte(`{"spec":{"addresses":["10.0.0.1"],"ports":[{"name":"http","port":80}],"readinessProbe":{"httpGet":{"port":"http"},"grpc":{"port":1}},"clusterDomain":"a.b","serviceListener":{"port":1},"serviceSelector":{"matchLabels":{"a":"b"}}}}`),
		[]byte(`{"type":"kubernetes.io/tls","stringData":{"tls.crt":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n","tls.key":"x"}}`),
		[]byte(`{"status":{"podIP":"10.0.0.1","addresses":[{"type":"InternalIP","address":"x"}]},"spec":{"containers":[{"ports":[{"containerPort":80,"name":"http"}],"readinessProbe":{"tcpSocket":{"port":"http"}}}]}}`),
	}
}
