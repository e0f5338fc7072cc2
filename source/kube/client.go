package kube

import (
	"context"
	"fmt"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Config finds the API server as kubectl does: in the kubeconfig file that is given, else in those
// that $KUBECONFIG names, else in ~/.kube/config; where there is none, in the Pod that this process
// runs in. The context is that of the file unless one is given.
func Config(kubeconfig, kubeContext string) (*rest.Config, error) {
	return loading(kubeconfig, kubeContext).ClientConfig()
}

// Namespace is the one that the context names, or the Pod's; "default" where neither does.
func Namespace(kubeconfig, kubeContext string) (string, error) {
	namespace, _, err := loading(kubeconfig, kubeContext).Namespace()
	return namespace, err
}

func loading(kubeconfig, kubeContext string) clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: kubeContext})
}

// clients talk to the API server over the same connections.
type clients struct {
	config   *rest.Config
	http     *http.Client
	codecs   runtime.NegotiatedSerializer
	metadata metadata.Interface
}

func newClients(config *rest.Config) (*clients, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS, config.Burst = -1, 0 // a few watches each: the server has its own limits
	c := &clients{config: config, codecs: serializer.NewCodecFactory(scheme).WithoutConversion()}
	if c.http, err = rest.HTTPClientFor(config); err != nil {
		return nil, err
	}
	c.metadata, err = metadata.NewForConfigAndClient(config, c.http)
	return c, err
}

// lister gives what lists and watches a kind in a version, in one namespace or (empty) all.
func (c *clients) lister(r reading, version, namespace string) (*cache.ListWatch, error) {
	gv := schema.GroupVersion{Group: r.GVK.Group, Version: version}
	if r.namesOnly {
		of := c.metadata.Resource(gv.WithResource(r.Resource)).Namespace(namespace)
		return &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return of.List(ctx, o) },
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return of.Watch(ctx, o)
			},
		}, nil
	}
	config := rest.CopyConfig(c.config)
	config.GroupVersion, config.NegotiatedSerializer, config.APIPath = &gv, c.codecs, "/apis"
	if r.isBuiltIn() {
		config.ContentType = runtime.ContentTypeProtobuf
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	client, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.GVK, err)
	}
	return cache.NewFilteredListWatchFromClient(client, r.Resource, namespace, func(o *metav1.ListOptions) { o.FieldSelector = r.fields }), nil
}
