package translator

import (
	"slices"
	"testing"

	"github.com/gateway-cp/gateway-cp/resource"
)

// Where cluster IPs are bound, every TCP and UDP port of a Service is open at each of them; elsewhere none.
func TestBindClusterIPs(t *testing.T) {
	const service = `apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec:
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1, "fd00::1"]
  ports: [{name: db, port: 5432}, {name: dns, port: 53, protocol: UDP}, {name: http, port: 80}]
`
	bound := []string{"10.96.0.1:53/udp", "10.96.0.1:5432", "10.96.0.1:80", "[fd00::1]:53/udp", "[fd00::1]:5432", "[fd00::1]:80"}
	for _, test := range []struct {
		options []Option
		want    []string
	}{{nil, nil}, {[]Option{BindClusterIPs}, bound}} {
		tr := New(test.options...)
		tr.Apply(manifests(t, []byte(service)))
		var got []string
		tr.Outputs(func(k resource.Key, _ *resource.Output) {
			if k.Type == resource.Listener && k.Part == "" && k.Name != "0.0.0.0:10080" {
				got = append(got, k.Name)
			}
		})
		if slices.Sort(got); !slices.Equal(got, test.want) {
			t.Errorf("%d options: %v, want %v", len(test.options), got, test.want)
		}
		checkRefs(t, tr)
	}
}
