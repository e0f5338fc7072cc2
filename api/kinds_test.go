package api

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestLookup(t *testing.T) {
	for _, info := range Kinds() {
		value := info.New()
		if got, ok := KindOf(value); !ok || got.Kind != info.Kind {
			t.Errorf("KindOf(%T) = %v, %v", value, got.Kind, ok)
		}
		for _, version := range info.Versions() {
			if got, ok := Lookup(info.GVK.GroupKind().WithVersion(version)); !ok || got.Kind != info.Kind {
				t.Errorf("%s %s is not known", version, info.Kind)
			}
		}
		value.SetName("a")
		value.SetNamespace("b")
		want := Key{Kind: info.Kind, Namespace: "b", Name: "a"}
		if ClusterScoped(info.Kind) {
			want.Namespace = ""
		}
		if got, ok := KeyOf(value); !ok || got != want {
			t.Errorf("KeyOf gives %v, want %v", got, want)
		}
	}
	for _, gvk := range []schema.GroupVersionKind{
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "gateway.networking.k8s.io", Version: "v1alpha2", Kind: "HTTPRoute"},
		{Group: "discovery.k8s.io", Version: "v1beta1", Kind: "EndpointSlice"},
		{Version: "v1", Kind: "service"},
		{Group: "serving.knative.dev", Version: "v1", Kind: "Service"},
	} {
		if info, ok := Lookup(gvk); ok {
			t.Errorf("%v is taken for %v", gvk, info.Kind)
		}
	}
	if _, ok := KindOf(nil); ok {
		t.Error("nil has a kind")
	}
}
