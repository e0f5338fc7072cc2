// Package apiserver runs a real Kubernetes API server and its etcd for tests.
//
// There are no controllers, no kubelets and no Pods: an API server is all that a control plane talks
// to. Role based access control is on. The programs are those of KUBEBUILDER_ASSETS, or those that make
// kube-assets builds; where there are none, the test is skipped.
package apiserver

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	schemas "github.com/gateway-cp/gateway-cp/schema"
)

// Admin is the token of somebody who may do everything.
const Admin = "admin"

// Options say how to run it. The zero value is a good choice.
type Options struct {
	// Users are those beside Admin, by their token. They may do what roles say.
	Users map[string]string
	// Audit: what clients ask is recorded, for Asked.
	Audit bool
	// Args are more arguments of kube-apiserver.
	Args []string
}

// Server is a running API server, on loopback.
type Server struct {
	// URL is where it answers.
	URL string

	t    testing.TB
	dir  string
	args []string // of the API server, the program first
	api  *exec.Cmd

	mappings map[schema.GroupVersionKind]*meta.RESTMapping // that were asked for
}

// Start runs etcd and kube-apiserver until the test ends, and waits until they are ready.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	assets := Assets(t)
	s := &Server{t: t, dir: t.TempDir(), mappings: map[schema.GroupVersionKind]*meta.RESTMapping{}}
	key, tokens := filepath.Join(s.dir, "sa.key"), filepath.Join(s.dir, "tokens.csv")
	if out, err := exec.Command("openssl", "genrsa", "-out", key, "2048").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	text := Admin + ",admin,1,system:masters\n"
	for token, user := range o.Users {
		text += fmt.Sprintf("%s,%s,%s\n", token, user, token)
	}
	if err := os.WriteFile(tokens, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	etcd, peer, secure := address(t), address(t), address(t)
	store := s.start("etcd", filepath.Join(assets, "etcd"), "--data-dir="+filepath.Join(s.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd, "--listen-peer-urls=http://"+peer,
		"--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer, "--log-level=error")
	t.Cleanup(func() { end(store) })
	s.URL = "https://" + secure
	_, port, _ := net.SplitHostPort(secure)
	s.args = append([]string{filepath.Join(assets, "kube-apiserver"), "--etcd-servers=http://" + etcd, "--cert-dir=" + filepath.Join(s.dir, "certs"),
		"--secure-port=" + port, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-account-issuer=https://127.0.0.1", "--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--token-auth-file=" + tokens, "--authorization-mode=RBAC", "--allow-privileged=true", "--service-cluster-ip-range=10.96.0.0/12",
		"--disable-admission-plugins=ServiceAccount", "-v=0"}, o.Args...)
	if o.Audit {
		s.args = append(s.args, s.audit()...)
	}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Assets gives the folder with etcd and kube-apiserver, or skips the test where there is none.
func Assets(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "gateway-cp", "kubernetes-"+schemas.Version)
		if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); err == nil {
			return dir
		}
	}
	t.Skipf("there is no API server: let KUBEBUILDER_ASSETS name a folder with etcd and kube-apiserver of Kubernetes %s, or run make kube-assets (10 minutes, once)", schemas.Version)
	return ""
}

// Kill ends the API server at once. Its etcd runs on.
func (s *Server) Kill() {
	if s.api != nil {
		end(s.api)
		s.api = nil
	}
}

// Restart starts an API server that was killed again, at the same address, and waits until it is ready.
func (s *Server) Restart() {
	s.t.Helper()
	s.api = s.start("kube-apiserver", s.args[0], s.args[1:]...)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for range 600 {
		if resp, err := client.Get(s.URL + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatal("kube-apiserver is not ready after a minute: see the log above")
}

// start starts a program. The end of its log is shown when the test fails.
func (s *Server) start(name, program string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(program, args...)
	path := filepath.Join(s.dir, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if text, err := os.ReadFile(path); err == nil && s.t.Failed() {
			s.t.Logf("the end of %s:\n%s", path, text[max(0, len(text)-2000):])
		}
	})
	return cmd
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// address gives a free one.
func address(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Config is for a client that is who the token says.
func (s *Server) Config(token string) *rest.Config {
	return &rest.Config{Host: s.URL, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(s.dir, "certs", "apiserver.crt")}}
}

// Kubeconfig writes Config as a file, and gives its path.
func (s *Server) Kubeconfig(token string) string {
	s.t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: s.URL, CertificateAuthority: filepath.Join(s.dir, "certs", "apiserver.crt")}
	c.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: token}
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	c.CurrentContext = "test"
	path := filepath.Join(s.dir, token+".kubeconfig")
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		s.t.Fatal(err)
	}
	return path
}
