package status

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/gateway-cp/gateway-cp/api"
)

// Events tells people about objects. The same that is said again is counted, and who says too much of
// one object is not heard for a while: see record.EventCorrelator.
type Events struct {
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

// NewEvents makes Events that are sent to the API server of the configuration. Close it.
func NewEvents(config *rest.Config) (*Events, error) {
	client, err := clientcorev1.NewForConfig(unlimited(config))
	if err != nil {
		return nil, err
	}
	e := &Events{broadcaster: record.NewBroadcaster()}
	e.broadcaster.StartRecordingToSink(&clientcorev1.EventSinkImpl{Interface: client.Events("")})
	e.recorder = e.broadcaster.NewRecorder(runtime.NewScheme(), corev1.EventSource{Component: Manager})
	return e, nil
}

// Tell says something about an object: normal, or a warning.
func (e *Events) Tell(k api.Key, uid types.UID, warning bool, reason, message string) {
	info, ok := kindOf(k.Kind)
	if !ok {
		return
	}
	apiVersion, kind := info.GVK.ToAPIVersionAndKind()
	typ := corev1.EventTypeNormal
	if warning {
		typ = corev1.EventTypeWarning
	}
	if len(message) > longestMessage {
		message = message[:longestMessage-3] + "..."
	}
	e.recorder.Event(&corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: k.Namespace, Name: k.Name, UID: uid}, typ, reason, message)
}

// longestMessage is that of an Event, in bytes: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
const longestMessage = 1024

// Close sends nothing more.
func (e *Events) Close() { e.broadcaster.Shutdown() }
