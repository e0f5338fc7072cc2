package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gateway-cp/gateway-cp/test/apiserver"
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

// start runs an API server until the test ends, with no limits: it is asked a lot at once.
func start(t *testing.T) *server {
	t.Helper()
	running := apiserver.Start(t, apiserver.Options{Args: []string{
		"--disable-admission-plugins=NamespaceLifecycle,Priority,StorageObjectInUseProtection,DefaultIngressClass,RuntimeClass",
		"--max-requests-inflight=0", "--max-mutating-requests-inflight=0", "--enable-priority-and-fairness=false",
	}})
	return &server{
		url:       running.URL,
		client:    &http.Client{Transport: insecure(), Timeout: 30 * time.Second},
		resources: make(map[schema.GroupVersionKind]resource),
		asked:     make(map[string]bool),
	}
}

// call does a request, and gives the status and the body. Status 0: there was no answer.
func (s *server) call(method, path string, body []byte) (int, []byte) {
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	req.Header.Set("Authorization", "Bearer "+apiserver.Admin)
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
