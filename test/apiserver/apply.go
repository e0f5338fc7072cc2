package apiserver

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/gateway-cp/gateway-cp/test/module"
)

// Apply writes the objects of YAML documents as kubectl apply --server-side does, and the status that
// is in them, too.
func (s *Server) Apply(documents string) {
	s.t.Helper()
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			s.t.Fatalf("%v in\n%s", err, document)
		}
		if object.Object == nil {
			continue
		}
		if err := s.apply(&object); err != nil {
			s.t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

func (s *Server) apply(object *unstructured.Unstructured) error {
	client, err := s.resource(object)
	if err != nil {
		return err
	}
	how := metav1.ApplyOptions{FieldManager: "test", Force: true}
	status, has := object.Object["status"]
	delete(object.Object, "status")
	if _, err := client.Apply(context.Background(), object.GetName(), object, how); err != nil || !has {
		return err
	}
	object.Object["status"] = status
	how.FieldManager = "test-status"
	_, err = client.ApplyStatus(context.Background(), object.GetName(), object, how)
	return err
}

// Delete takes the objects of YAML documents away, at once.
func (s *Server) Delete(documents string) {
	s.t.Helper()
	for document := range strings.SplitSeq(documents, "\n---\n") {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil || object.Object == nil {
			continue
		}
		client, err := s.resource(&object)
		if err == nil {
			err = client.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			s.t.Fatalf("delete %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// DryRun says whether an object would be made: nothing is stored, everything is checked.
func (s *Server) DryRun(object *unstructured.Unstructured) error {
	client, err := s.resource(object)
	if err != nil {
		return err
	}
	_, err = client.Create(context.Background(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// Get reads an object that is named by apiVersion, kind, name and namespace.
func (s *Server) Get(apiVersion, kind, namespace, name string) (*unstructured.Unstructured, error) {
	client, err := s.kind(apiVersion, kind, namespace)
	if err != nil {
		return nil, err
	}
	return client.Get(context.Background(), name, metav1.GetOptions{})
}

// List reads all objects of a kind in a namespace.
func (s *Server) List(apiVersion, kind, namespace string) ([]unstructured.Unstructured, error) {
	client, err := s.kind(apiVersion, kind, namespace)
	if err != nil {
		return nil, err
	}
	all, err := client.List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return all.Items, nil
}

// Watch gives what becomes of an object from now on, until the test ends or the API server does.
func (s *Server) Watch(apiVersion, kind, namespace, name string) <-chan *unstructured.Unstructured {
	s.t.Helper()
	client, err := s.kind(apiVersion, kind, namespace)
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := client.Watch(s.t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(w.Stop)
	seen := make(chan *unstructured.Unstructured, 10000)
	go func() {
		defer close(seen)
		for event := range w.ResultChan() {
			if object, ok := event.Object.(*unstructured.Unstructured); ok {
				seen <- object
			}
		}
	}()
	return seen
}

// kind is resource for a kind in a namespace.
func (s *Server) kind(apiVersion, kind, namespace string) (dynamic.ResourceInterface, error) {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	return s.resource(o)
}

// resource gives a client for the kind of an object in its namespace. A CRD that was just installed may
// take a moment.
func (s *Server) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	config := s.Config(Admin)
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	gvk := object.GroupVersionKind()
	for range 100 {
		mapping, known := s.mappings[gvk]
		if !known {
			var groups []*restmapper.APIGroupResources
			if groups, err = restmapper.GetAPIGroupResources(found); err == nil {
				mapping, err = restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(gvk.GroupKind(), gvk.Version)
			}
		}
		if err == nil {
			s.mappings[gvk] = mapping
			if mapping.Scope.Name() == meta.RESTScopeNameRoot {
				return client.Resource(mapping.Resource), nil
			}
			if object.GetNamespace() == "" {
				object.SetNamespace(metav1.NamespaceDefault)
			}
			return client.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

// OurCRDs are the files with the CRDs of this project.
func OurCRDs() ([]string, error) {
	dir, err := module.Dir(module.Ours)
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(dir, "deploy", "crds", "*.yaml"))
}

// GatewayCRDs are the files with the CRDs of the Gateway API that we read, as the Go module has them.
func GatewayCRDs() (files []string, err error) {
	dir, err := module.Dir("sigs.k8s.io/gateway-api")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"backendtlspolicies", "gatewayclasses", "gateways", "httproutes", "referencegrants"} {
		files = append(files, filepath.Join(dir, "config/crd/standard/gateway.networking.k8s.io_"+name+".yaml"))
	}
	return files, nil
}
