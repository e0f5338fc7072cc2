package kube

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/gateway-cp/gateway-cp/api"
)

// collection are the objects of one kind in one namespace, or in all. It is the store that client-go's
// reflector fills, so that there is no second copy of the objects, and no queue between.
type collection struct {
	reading
	namespace string // empty: all
	source    *Source

	// What follows is guarded by the source's lock.

	entries map[api.Key]*entry
	read    bool  // all objects are known
	absent  bool  // the server does not know the kind
	failure error // why it cannot be read at the moment
	since   time.Time
}

var _ cache.TransformingStore = (*collection)(nil)

// run reads the collection until ctx ends: in the version that the server knows, when it knows one.
func (c *collection) run(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, version := range c.Versions() {
			if err := c.follow(ctx, version); err != nil {
				return err
			}
		}
		c.source.setAbsent(ctx, c)
		select {
		case <-time.After(c.source.delays.lookAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// follow reads the collection in a version, until the server does not know that.
func (c *collection) follow(ctx context.Context, version string) error {
	if ctx.Err() != nil {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lister, err := c.source.clients.lister(c.reading, version, c.namespace)
	if err != nil {
		return err
	}
	note := func(err error) {
		if ctx.Err() != nil {
			return
		}
		if apierrors.IsNotFound(err) {
			stop()
			return
		}
		c.source.setFailure(c, err)
	}
	noting := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := lister.ListWithContext(ctx, o)
			note(err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := lister.WatchWithContext(ctx, o)
			if err == nil && reflect.TypeOf(w) == noWatch {
				note(errClosed)
			} else {
				note(err)
			}
			return w, err
		},
	}
	quiet := logr.Discard() // what goes wrong is noted above
	r := cache.NewReflectorWithOptions(noting, nil, c, cache.ReflectorOptions{
		Name: string(c.Kind), TypeDescription: string(c.Kind), Logger: &quiet,
		// A server that restarts is to be found again soon.
		Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 20, Cap: 2 * time.Second},
	})
	r.RunWithContext(logr.NewContext(ctx, quiet))
	return nil
}

// noWatch is what client-go gives in place of an error when a connection is closed without an answer.
var noWatch = reflect.TypeOf(watch.NewEmptyWatch())

var errClosed = errors.New("the connection was closed without an answer")

// Transformer implements cache.TransformingStore: what comes in is made small at once.
func (c *collection) Transformer() cache.TransformFunc {
	return func(object any) (any, error) { return c.item(object), nil }
}

// item admits what the reflector hands over, unless that has been done.
func (c *collection) item(object any) *item {
	switch o := object.(type) {
	case *item:
		return o
	case metav1.Object:
		return newItem(c.KindInfo, o, c.source.o.Keep)
	}
	return nil
}

// Add implements cache.ReflectorStore.
func (c *collection) Add(object any) error { return c.Update(object) }

// Update implements cache.ReflectorStore.
func (c *collection) Update(object any) error {
	if i := c.item(object); i != nil {
		c.source.set(c, i)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (c *collection) Delete(object any) error {
	if o, ok := object.(metav1.Object); ok {
		c.source.delete(c, api.Key{Kind: c.Kind, Namespace: o.GetNamespace(), Name: o.GetName()})
	}
	return nil
}

// Replace implements cache.ReflectorStore: the collection was read anew.
func (c *collection) Replace(objects []any, _ string) error {
	items := make([]*item, 0, len(objects))
	for n, object := range objects {
		if i := c.item(object); i != nil {
			items = append(items, i)
		}
		objects[n] = nil
	}
	c.source.replace(c, items)
	return nil
}

// Resync implements cache.ReflectorStore. What is known was sent.
func (c *collection) Resync() error { return nil }
