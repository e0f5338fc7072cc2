package envoy

import (
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

func TestSeveralReplicas(t *testing.T) {
	o := Options{
		NodeID: "gw-1", Fleet: "default", AdminAddress: "127.0.0.1:19000",
		XDSAddress: "10.0.0.1:18000,cp.example.com:18000",
		TLS:        &TLS{CA: "ca", Cert: "cert", Key: "key"},
	}
	b, err := Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	c := b.StaticResources.Clusters[0]
	if c.LbPolicy != clusterv3.Cluster_RANDOM || c.OutlierDetection == nil || c.GetType() != clusterv3.Cluster_STRICT_DNS {
		t.Errorf("not a cluster for several: %v", c)
	}
	if n := len(c.LoadAssignment.Endpoints[0].LbEndpoints); n != 2 {
		t.Errorf("%d endpoints", n)
	}
	text, err := YAML(b)
	if err != nil {
		t.Fatal(err)
	}
	// Either name will do, each of its kind.
	for _, want := range []string{"exact: 10.0.0.1", "exact: cp.example.com", "san_type: IP_ADDRESS", "san_type: DNS"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	o.XDSAddress = "10.0.0.1:18000"
	if b, err = Bootstrap(o); err != nil {
		t.Fatal(err)
	}
	if c := b.StaticResources.Clusters[0]; c.OutlierDetection != nil || c.LbPolicy != clusterv3.Cluster_ROUND_ROBIN {
		t.Errorf("one alone is never left: %v", c)
	}
}
