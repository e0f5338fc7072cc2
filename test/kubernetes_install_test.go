package test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gateway-cp/gateway-cp/test/apiserver"
	"github.com/gateway-cp/gateway-cp/test/certs"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// What deploy/kubernetes has is what an API server takes, its Pods are admitted where they run, and what their
// containers are told to start serves traffic over mutual TLS.
func TestKubernetesInstall(t *testing.T) {
	t.Parallel()
	apiserver.Assets(t)
	e := harness.New(t)
	s := apiserver.Start(t, apiserver.Options{Users: map[string]string{"gateway-cp": shippedUser}})
	applyShipped(t, s)
	applyKustomization(t, s, "envoy-deployment")
	applyKustomization(t, s, "envoy-daemonset")
	server := podOf(t, s, "Deployment", "gateway-cp", "gateway-cp")
	envoy := podOf(t, s, "Deployment", "gateway-cp-envoy", "envoy")
	onNodes := podOf(t, s, "DaemonSet", "gateway-cp-nodes", "envoy")
	for _, pod := range []*corev1.Pod{server, envoy, onNodes} {
		if err := dryRun(t, s, pod); err != nil {
			t.Errorf("Pod %s in %s: %v", pod.Name, pod.Namespace, err)
		}
	}
	elsewhere := onNodes.DeepCopy()
	elsewhere.Namespace = envoy.Namespace
	if err := dryRun(t, s, elsewhere); err == nil || !strings.Contains(err.Error(), "hostNetwork") {
		t.Errorf("a Pod in the network of the node is admitted where the level is restricted: %v", err)
	}
	for n, args := range map[string][2][]string{
		"bootstrap": {envoy.Spec.InitContainers[0].Args, onNodes.Spec.InitContainers[0].Args},
		"envoy":     {envoy.Spec.Containers[0].Args, onNodes.Spec.Containers[0].Args},
	} {
		if !slices.Equal(args[0], args[1]) {
			t.Errorf("%s is started with %q in the Deployment, and with %q in the DaemonSet", n, args[0], args[1])
		}
	}
	installed(t, e, s, server.Spec.Containers[0].Args, envoy)
}

// installed starts gateway-cp and an Envoy as their containers are, and has them answer.
func installed(t *testing.T, e *harness.Env, s *apiserver.Server, serve []string, envoy *corev1.Pod) {
	e.Helper()
	ca := certs.New(t)
	server, client := certs.NewFiles(t, filepath.Join(e.Dir, "server")), certs.NewFiles(t, filepath.Join(e.Dir, "client"))
	server.Trust(ca)
	client.Trust(ca)
	server.Write(ca.Issue(e.IP.String(), "gateway-cp.gateway-cp.svc", "spiffe://cluster.local/gateway-cp/replica/gateway-cp"))
	client.Write(ca.Issue("spiffe://cluster.local/gateway-cp/fleet/default"))
	port, replica := e.FreePort(), e.Address(e.FreePort())
	s.Apply(e.Fleet(port) + harness.Service("web", 80) + e.Backend("one").Workload("web"))
	serve = slices.DeleteFunc(slices.Clone(serve[1:]), func(arg string) bool { // what the harness says in another way
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains([]string{"--source", "--xds-address", "--http-address", "--state-dir"}, name)
	})
	c := e.ServeKube(s.Kubeconfig("gateway-cp"), argsHere(serve,
		"/etc/gateway-cp/xds", server.Dir, "0.0.0.0:18001", replica, "$(POD_IP):18001", replica)...)
	run := certs.NewFiles(t, filepath.Join(e.Dir, "run")).Dir
	here := []string{
		"/etc/envoy/xds", client.Dir, "/etc/envoy/run", run, "$(POD_NAME)", "envoy-1", "$(NODE_NAME)", "node-1",
		"gateway-cp.gateway-cp.svc:18000", c.XDS,
	}
	bootstrap := append(argsHere(envoy.Spec.InitContainers[0].Args, here...), "--envoy-admin-address", e.Address(e.FreePort()))
	if out, code := e.GatewayCP(bootstrap...); code != 0 {
		e.Fatalf("gateway-cp %s: %s", strings.Join(bootstrap, " "), out)
	}
	e.Start("envoy-1", e.EnvoyBinary(), append(argsHere(envoy.Spec.Containers[0].Args, here...), "--disable-hot-restart", "--concurrency", "1")...)
	e.Await("an answer", 20*time.Second, harness.Stream{
		Name: "web", URL: "http://" + e.Address(port) + "/", Host: "web", Rate: 1,
	}.Answers("one"))
	c.AwaitStatus("Envoy is known", 10*time.Second, harness.InSync(1))
}

// argsHere gives arguments with what is elsewhere here.
func argsHere(args []string, here ...string) (all []string) {
	replace := strings.NewReplacer(here...)
	for _, arg := range args {
		all = append(all, replace.Replace(arg))
	}
	return all
}

// podOf is a Pod of a workload, as the API server has it.
func podOf(t *testing.T, s *apiserver.Server, kind, namespace, name string) *corev1.Pod {
	t.Helper()
	object, err := s.Get("apps/v1", kind, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	template, _, err := unstructured.NestedMap(object.Object, "spec", "template")
	pod := &corev1.Pod{}
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod)
	}
	if err != nil {
		t.Fatal(err)
	}
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Namespace, pod.Name = namespace, name
	return pod
}

func dryRun(t *testing.T, s *apiserver.Server, pod *corev1.Pod) error {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		t.Fatal(err)
	}
	return s.DryRun(&unstructured.Unstructured{Object: object})
}
