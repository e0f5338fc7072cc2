package election

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// rolloutsResource is what Rollouts are called in paths.
var rolloutsResource = func() schema.GroupVersionResource {
	all := api.Kinds()
	info := all[slices.IndexFunc(all, func(i api.KindInfo) bool { return i.Kind == api.KindRollout })]
	return info.GVK.GroupVersion().WithResource(info.Resource)
}()

// stored is what the API server has of one Rollout.
type stored struct {
	rollout    v1alpha1.Rollout
	state      rollout.State
	history    []rollout.Record
	unreadable error // its state
}

// epoch is that in which its state was written; 0: it has none.
func (s *stored) epoch() int64 {
	if s.rollout.Status.State == nil {
		return 0
	}
	return s.rollout.Status.State.Epoch
}

// data is the state as it stands there.
func (s *stored) data() string {
	if s.rollout.Status.State == nil {
		return ""
	}
	return s.rollout.Status.State.Data
}

// world are all Rollouts.
type world map[api.Key]*stored

// epoch is the highest.
func (w world) epoch() (highest int64) {
	for _, s := range w {
		highest = max(highest, s.epoch())
	}
	return highest
}

// decisions are those that are stored, for a replica that decides nothing.
func (w world) decisions() (all []rollout.Decision) {
	for k, s := range w {
		if s.data() == "" || s.unreadable != nil {
			continue
		}
		status := s.rollout.Status
		status.State, status.History = nil, nil
		status.Versions = s.state.Shown()
		all = append(all, rollout.Decision{
			Namespace: k.Namespace, Name: k.Name, Service: s.rollout.Spec.TargetRef.Name, State: s.state, Status: status,
		})
	}
	slices.SortFunc(all, func(a, b rollout.Decision) int { return a.Key().Compare(b.Key()) })
	return all
}

// page is how many Rollouts are asked for at once.
const page = 500

// load reads all Rollouts of the namespaces. Where the kind is not installed there are none.
func load(ctx context.Context, client dynamic.Interface, namespaces []string) (world, error) {
	all := world{}
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		options := metav1.ListOptions{Limit: page}
		for more := true; more; more = options.Continue != "" {
			list, err := rolloutsOf(client, namespace).List(ctx, options)
			if apierrors.IsNotFound(err) {
				return all, nil
			}
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				s := read(&list.Items[i])
				all[rollout.Key(s.rollout.Namespace, s.rollout.Name)] = s
			}
			options.Continue = list.GetContinue()
		}
	}
	return all, nil
}

func rolloutsOf(client dynamic.Interface, namespace string) dynamic.ResourceInterface {
	of := client.Resource(rolloutsResource)
	if namespace == metav1.NamespaceAll {
		return of
	}
	return of.Namespace(namespace)
}

// read takes out of a Rollout what was stored in it.
func read(o *unstructured.Unstructured) *stored {
	s := &stored{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &s.rollout); err != nil {
		// Its spec is not what this version knows. The status is ours.
		s.rollout.ObjectMeta = metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
		status, _, _ := unstructured.NestedMap(o.Object, "status", "state")
		if status != nil {
			s.rollout.Status.State = new(v1alpha1.StoredState)
			if also := runtime.DefaultUnstructuredConverter.FromUnstructured(status, s.rollout.Status.State); also != nil {
				s.unreadable = also
			}
		}
	}
	if data := s.data(); data != "" && s.unreadable == nil {
		if err := json.Unmarshal([]byte(data), &s.state); err != nil {
			s.unreadable = fmt.Errorf("status.state of Rollout %s/%s: %w (was it written by a newer version of gateway-cp? use that version, "+
				"or take status.state out of it: the Rollout is then a first deployment)", o.GetNamespace(), o.GetName(), err)
		}
	}
	for _, h := range s.rollout.Status.History {
		s.history = append(s.history, rollout.Record{
			At: h.Time.Time, Reason: rollout.EventReason(h.Reason), Warning: h.Warning, Message: h.Message, By: h.By,
		})
	}
	return s
}
