package schematest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	checks "github.com/gateway-cp/gateway-cp/schema"
)

// server is a real API server on loopback.
type server struct {
	url    string
	client *http.Client

	mu        sync.Mutex
	resources map[schema.GroupVersionKind]resource
	asked     map[string]bool
}

type resource struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	Namespaced bool     `json:"namespaced"`
	Verbs      []string `json:"verbs"`
}

// start runs etcd and kube-apiserver until the test ends.
func start(t *testing.T) *server {
	t.Helper()
	assets := findAssets(t)
	dir := t.TempDir()
	key := filepath.Join(dir, "sa.key")
	run(t, "openssl", "genrsa", "-out", key, "2048")
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte("token,admin,1,system:masters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	etcd, peer, secure := address(t), address(t), address(t)
	background(t, dir, filepath.Join(assets, "etcd"), "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd, "--listen-peer-urls=http://"+peer,
		"--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer, "--log-level=error")
	_, port, _ := net.SplitHostPort(secure)
	background(t, dir, filepath.Join(assets, "kube-apiserver"), "--etcd-servers=http://"+etcd, "--cert-dir="+filepath.Join(dir, "certs"),
		"--secure-port="+port, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-account-issuer=https://127.0.0.1", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--allow-privileged=true", "--service-cluster-ip-range=10.96.0.0/12",
		"--disable-admission-plugins=ServiceAccount,NamespaceLifecycle,Priority,StorageObjectInUseProtection,DefaultIngressClass,RuntimeClass",
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false", "-v=0")
	s := &server{
		url:       "https://" + secure,
		client:    &http.Client{Transport: insecure(), Timeout: 30 * time.Second},
		resources: make(map[schema.GroupVersionKind]resource),
		asked:     make(map[string]bool),
	}
	for range 600 {
		if status, _ := s.call(http.MethodGet, "/readyz", nil); status == http.StatusOK {
			return s
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("kube-apiserver is not ready after a minute: see the log above")
	return nil
}

// findAssets gives the folder with etcd and kube-apiserver: KUBEBUILDER_ASSETS, or what make
// kube-assets has built.
func findAssets(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		dir := filepath.Join(cache, "gateway-cp", "kubernetes-"+checks.Version)
		if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); err == nil {
			return dir
		}
	}
	t.Skipf("there is no API server: let KUBEBUILDER_ASSETS name a folder with etcd and kube-apiserver of Kubernetes %s, or run make kube-assets (10 minutes, once)", checks.Version)
	return ""
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func background(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	log, err := os.Create(filepath.Join(dir, filepath.Base(name)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the end of %s:\n%s", log.Name(), text[max(0, len(text)-2000):])
		}
	})
}

// address gives a free one.
func address(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// call does a request, and gives the status and the body. Status 0: there was no answer.
func (s *server) call(method, path string, body []byte) (int, []byte) {
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	req.Header.Set("Authorization", "Bearer token")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, text
}

// find gives the resource of a kind; false when the server does not serve it.
func (s *server) find(gvk schema.GroupVersionKind) (path string, r resource, ok bool) {
	path = "/apis/" + gvk.GroupVersion().String()
	if gvk.Group == "" {
		path = "/api/" + gvk.Version
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked[path] {
		s.asked[path] = true
		var list struct{ Resources []resource }
		if status, text := s.call(http.MethodGet, path, nil); status == http.StatusOK && json.Unmarshal(text, &list) == nil {
			for _, r := range list.Resources {
				if !strings.Contains(r.Name, "/") {
					s.resources[gvk.GroupVersion().WithKind(r.Kind)] = r
				}
			}
		}
	}
	r, ok = s.resources[gvk]
	return path, r, ok
}

// verdict is what the server says of an object.
type verdict struct {
	refused bool
	message string
}

// create asks the server to take an object, strictly, without keeping it.
func (s *server) create(gvk schema.GroupVersionKind, namespace string, object []byte) (verdict, error) {
	path, r, ok := s.find(gvk)
	if !ok {
		return verdict{true, "not served"}, nil
	}
	if r.Namespaced {
		if namespace == "" {
			namespace = "default"
		}
		path += "/namespaces/" + namespace
	}
	status, text := s.call(http.MethodPost, path+"/"+r.Name+"?dryRun=All&fieldValidation=Strict", object)
	var answer struct{ Message string }
	_ = json.Unmarshal(text, &answer)
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusConflict, http.StatusAccepted:
		return verdict{}, nil
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusInternalServerError, http.StatusNotFound:
		return verdict{true, answer.Message}, nil
	}
	return verdict{}, fmt.Errorf("status %d: %s", status, text)
}

// forget makes find ask again: kinds may have come.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.asked)
}

func sleep() { time.Sleep(200 * time.Millisecond) }
