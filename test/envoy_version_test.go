package test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpc "google.golang.org/grpc" // grpc is a word of imports_test.go
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/envoybin"
	"github.com/gateway-cp/gateway-cp/resource"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// Clients that say that they are Envoys of other versions are served, with a warning everywhere
// where one looks.
func TestEnvoysOfOtherVersions(t *testing.T) {
	e := harness.New(t)
	e.Write("fleet.yaml", e.Fleet(e.FreePort()))
	c := e.Serve()
	for id, minor := range map[string]uint32{"gw-old": 37, "gw-tested": 40, "gw-new": 99} {
		connectAs(t, c.XDS, &corev3.Node{
			Id: id, Cluster: "default", UserAgentName: "envoy",
			UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{
				Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: minor}}},
		})
	}
	c.AwaitStatus("all are there", 20*time.Second, func(s admin.Status) error {
		if len(s.Envoys) != 3 {
			return fmt.Errorf("%+v", s.Envoys)
		}
		for _, envoy := range s.Envoys {
			if warned := envoy.VersionWarning != ""; warned != (envoy.ID != "gw-tested") {
				t.Errorf("%s, %s: warning %q", envoy.ID, envoy.Version, envoy.VersionWarning)
			}
		}
		return nil
	})
	out := says(t, c, 0, []string{
		`^Envoy gw-old is served, but Envoy 1\.37\.0 is older than what gateway-cp is tested with \(` + regexp.QuoteMeta(envoybin.Supported()) + `\)`,
		`^Envoy gw-new is served, but Envoy 1\.99\.0 is newer than `,
	}, "fleet")
	if strings.Contains(out, "gw-tested is served, but") {
		t.Errorf("a warning where there is nothing to warn of:\n%s", out)
	}
	says(t, c, 0, []string{`^It is served, but Envoy 1\.37\.0 is older than `}, "fleet", "gw-old")
	says(t, c, 0, []string{`"versionWarning": "Envoy 1\.37\.0 is older`}, "fleet", "-o", "json")
	if text := c.Metrics(); !strings.Contains(text, "\ngateway_cp_unsupported_envoys{fleet=\"default\"} 2\n") {
		t.Errorf("not in the metrics:\n%s", text)
	}
}

// connectAs opens a stream for a node, and waits until it has been let in: that is, answered.
func connectAs(t *testing.T, address string, node *corev3.Node) {
	t.Helper()
	conn, err := rpc.NewClient(address, rpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: node, TypeUrl: resource.Secret.URL(), ResourceNamesSubscribe: []string{"none"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatalf("%s is not served: %v", node.Id, err)
	}
}

// The range that is stated is the range that is tested.
func TestStatedEnvoys(t *testing.T) {
	for _, file := range []string{"../README.md", "../docs/envoy-versions.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := "Envoy " + envoybin.Oldest + " to " + envoybin.Version; !strings.Contains(string(text), want) {
			t.Errorf("%s does not state %q, as envoybin does", file, want)
		}
	}
}
