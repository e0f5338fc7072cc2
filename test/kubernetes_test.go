package test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/test/apiserver"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// shippedUser is who gateway-cp is by the manifests in deploy/kubernetes.
const shippedUser = "system:serviceaccount:gateway-cp:gateway-cp"

// A real API server, gateway-cp as the ServiceAccount that is shipped, a real Envoy: routes answer,
// endpoints come and go, the API server is away, under load, and nobody notices.
func TestKubernetes(t *testing.T) {
	apiserver.Assets(t)
	if !inNetwork(t) {
		return
	}
	e := harness.New(t)
	e.IP = networkAddress
	s := apiserver.Start(t, apiserver.Options{Users: map[string]string{"gateway-cp": shippedUser}, Audit: true})
	applyShipped(t, s)
	port, gatewayPort := e.FreePort(), e.FreePort()
	s.Apply(e.Fleet(port) + harness.Service("web", 80) + harness.Gateway(gatewayPort) + harness.Route("web", "shop.example.com", 80))
	running := e.Backends("web", 3)
	for _, b := range running {
		s.Apply(endpointSlice("web", b))
	}
	t.Setenv("KUBE_FEATURE_WatchListClient", "false") // a server that does not stream lists
	c := e.ServeKube(s.Kubeconfig("gateway-cp"), "--xds-insecure")
	c.Terminate(10 * time.Second)
	t.Setenv("KUBE_FEATURE_WatchListClient", "true")
	c.Start()
	envoy := e.StartEnvoy("gw-1", c.XDS)
	streams := []harness.Stream{
		{Name: "Service", URL: "http://" + e.Address(port) + "/", Host: "web", Rate: 300},
		{Name: "HTTPRoute", URL: "http://" + e.Address(gatewayPort) + "/", Host: "shop.example.com", Rate: 300},
	}
	for _, stream := range streams {
		e.Await(stream.Name+" answers", 20*time.Second, stream.Answers("web"))
	}
	load := e.Load(streams...)
	for range counts(50) {
		running = replaceOne(e, s, envoy, running)
	}
	s.Kill()
	_ = e.Pause(time.Duration(counts(30)) * time.Second) // 3 s, or 30
	s.Restart()
	running = replaceOne(e, s, envoy, running)
	newest := running[len(running)-1].Address.String()
	e.Await("an answer from the newest process", 10*time.Second, func() error {
		for _, sample := range load.Samples() {
			if sample.Endpoint == newest {
				return nil
			}
		}
		return errors.New("none yet")
	})
	samples := load.Stop()
	if text := samples.Failures(); text != "" {
		t.Errorf("%d of %d requests failed:\n%s", len(samples.Failed()), len(samples), text)
	}
	c.AwaitStatus("no problems", 20*time.Second, func(s admin.Status) error {
		for _, p := range s.Problems {
			if p.Object.Namespace != "gateway-cp" { // nobody runs the Pods of the shipped Deployment
				return fmt.Errorf("problems: %v", s.Problems)
			}
		}
		return harness.InSync(1)(s)
	})
	t.Logf("%d requests, %.0f a second, p99 %s", len(samples), samples.Rate(), samples.Quantile(0.99))
	checkStatus(t, e, s, e.Fleet(port))
	checkRole(t, s)
}

// replaceOne adds a process and takes the oldest away, once Envoy does not have it any more.
func replaceOne(e *harness.Env, s *apiserver.Server, envoy *harness.Envoy, running []*harness.Backend) []*harness.Backend {
	b := e.Backend("web")
	s.Apply(endpointSlice("web", b))
	envoy.AwaitHealthy("default/web/80", b.Address.String(), 20*time.Second)
	gone, running := running[0], append(running[1:], b)
	s.Delete(endpointSlice("web", gone))
	addresses := make([]string, len(running))
	for i, b := range running {
		addresses[i] = b.Address.String()
	}
	envoy.AwaitHosts("default/web/80", 20*time.Second, addresses...)
	gone.Retire(20 * time.Second)
	return running
}

func endpointSlice(service string, b *harness.Backend) string {
	return fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s-%s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: %[3]d}]
endpoints: [{addresses: [%[4]q]}]
---
`, service, strings.ReplaceAll(b.Address.Addr().String(), ".", "-"), b.Address.Port(), b.Address.Addr())
}

// applyShipped installs the CRDs, and deploy/kubernetes/base.
func applyShipped(t *testing.T, s *apiserver.Server) {
	t.Helper()
	ours, err := apiserver.OurCRDs()
	theirs, alsoErr := apiserver.GatewayCRDs()
	if err := errors.Join(err, alsoErr); err != nil {
		t.Fatal(err)
	}
	applyFiles(t, s, slices.Concat(ours, theirs)...)
	applyKustomization(t, s, "base")
}

// applyKustomization applies the resources of a folder in deploy/kubernetes. They are files: none has patches.
func applyKustomization(t *testing.T, s *apiserver.Server, folder string) {
	t.Helper()
	folder = filepath.Join("../deploy/kubernetes", folder)
	var all struct{ Resources []string }
	readYAML(t, filepath.Join(folder, "kustomization.yaml"), &all)
	for _, name := range all.Resources {
		applyFiles(t, s, filepath.Join(folder, name))
	}
}

func applyFiles(t *testing.T, s *apiserver.Server, files ...string) {
	t.Helper()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(string(text))
	}
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// checkRole compares what the shipped role permits with what gateway-cp has asked for.
func checkRole(t *testing.T, s *apiserver.Server) {
	t.Helper()
	permitted := map[apiserver.Request]bool{}
	text, err := os.ReadFile("../deploy/kubernetes/base/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(document), &role); err != nil || role.Kind != "ClusterRole" && role.Kind != "Role" {
			continue
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				if group := rule.APIGroups[0]; group != "" {
					resource += "." + group
				}
				for _, verb := range rule.Verbs {
					permitted[apiserver.Request{Verb: verb, Resource: resource}] = true
				}
			}
		}
	}
	asked := s.Asked(shippedUser)
	if len(permitted) < 2*len(api.Kinds())-6 {
		t.Errorf("the role permits only %v", permitted)
	}
	for r := range asked {
		if !permitted[r] {
			t.Errorf("the shipped role lacks: %s %s", r.Verb, r.Resource)
		}
	}
	for r := range maps.Keys(permitted) {
		if !asked[r] {
			t.Errorf("nothing uses what the shipped role permits: %s %s", r.Verb, r.Resource)
		}
	}
}

// networkAddress is that of the network of inNetwork; those after it are local, too.
var networkAddress = netip.MustParseAddr("10.77.0.1")

// inNetwork runs a test in a network of its own, which has no way out, with addresses that are not of
// the loopback: an API server refuses those of endpoints. It is true there; where it is false, the test has run.
func inNetwork(t *testing.T) bool {
	t.Helper()
	const inside = "GATEWAY_CP_IN_NETWORK"
	if os.Getenv(inside) != "" {
		return true
	}
	e := harness.New(t)
	args := []string{"--net", "sh", "-c", `ip link set lo up && ip addr add 10.77.0.1/16 dev lo && exec "$@"`, "sh",
		os.Args[0], "-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=10m"}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Env = append(os.Environ(), inside+"=1", "TMPDIR="+e.Dir, harness.BinaryEnv+"="+e.Binary(), "ENVOY="+e.EnvoyBinary())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (this needs Linux, unshare and ip, and root or user namespaces)\n%s", err, out)
	}
	t.Logf("in a network of its own:\n%s", out)
	return false
}
