package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/hooks"
	"github.com/gateway-cp/gateway-cp/rollout"
	"github.com/gateway-cp/gateway-cp/translator"
)

// hookDesk asks hooks for the rollouts, and sends their notifications. The main loop owns it; a nil one does nothing.
type hookDesk struct {
	desk     *hooks.Desk
	notifier *hooks.Notifier
	objects  *translator.Translator
	secrets  string // a directory; empty: there is none
}

func newHookDesk(objects *translator.Translator, secrets string, log *slog.Logger) *hookDesk {
	return &hookDesk{desk: hooks.NewDesk(), notifier: hooks.NewNotifier(log), objects: objects, secrets: secrets}
}

// addHookFlags adds the flag that says where secrets of hooks are.
func addHookFlags(cmd *cobra.Command, secrets *string) {
	cmd.Flags().StringVar(secrets, "hook-secrets", "", "directory with the secrets of hooks and notifications of Rollouts, as NAMESPACE/NAME/KEY, where they are in no Secret that is read (docs/hooks.md)")
	_ = cmd.MarkFlagDirname("hook-secrets")
}

// run sends notifications until ctx ends, and gives up then what is on its way.
func (h *hookDesk) run(ctx context.Context) {
	h.notifier.Run(ctx)
	h.desk.Close()
}

// rung rings when hooks have answered.
func (h *hookDesk) rung() <-chan struct{} { return h.desk.Rung() }

// heard has the rollouts looked at whose hooks have answered.
func (r *rollouts) heard() {
	for _, k := range r.hooks.desk.Answered() {
		r.decider.Touch(k)
	}
}

func (h *hookDesk) answers(k api.Key) map[string]rollout.Answer {
	if h == nil {
		return nil
	}
	return h.desk.Answers(k)
}

func (h *hookDesk) forget(k api.Key) {
	if h != nil {
		h.desk.Want(k, nil, nil)
	}
}

// ask has the requests on their way that the step has asked for.
func (h *hookDesk) ask(d decider) {
	manager, decides := d.(*rollout.Manager)
	if h == nil || !decides {
		return
	}
	for k, calls := range manager.Calls() {
		h.desk.Want(k, calls, func(c rollout.Call) (hooks.Address, error) {
			return hooks.AddressOf(c.Hook.URL, c.Hook.URLFrom, c.Hook.SigningKey, h.secretsOf(k.Namespace))
		})
	}
}

// tell sends the notifications of an event. o is nil when the Rollout is gone.
func (h *hookDesk) tell(o *api.Object, e rollout.ObjectEvent, at time.Time) {
	if h == nil || o == nil {
		return
	}
	r := o.Value.(*v1alpha1.Rollout)
	if len(r.Spec.Notifications) == 0 {
		return
	}
	h.notifier.Tell(r.Spec.Notifications, hooks.NoticeOf(e, r.Spec.TargetRef.Name, at), func(n v1alpha1.Notification) (hooks.Address, error) {
		return hooks.AddressOf(n.URL, n.URLFrom, n.SigningKey, h.secretsOf(r.Namespace))
	})
}

// secretsOf reads the secrets of a namespace: from the objects or, where there is none, from the directory.
func (h *hookDesk) secretsOf(namespace string) func(name, key string) ([]byte, error) {
	return func(name, key string) ([]byte, error) {
		if o := h.objects.Object(api.Key{Kind: api.KindSecret, Namespace: namespace, Name: name}); o != nil {
			if value, ok := o.Value.(*corev1.Secret).Data[key]; ok {
				return value, nil
			}
		}
		if h.secrets != "" && filepath.IsLocal(name) && filepath.IsLocal(key) && filepath.Base(key) == key {
			if value, err := os.ReadFile(filepath.Join(h.secrets, namespace, name, key)); err == nil {
				return trimNewline(value), nil
			}
		}
		return nil, hooks.SecretError(namespace, name, key)
	}
}

// trimNewline takes off the end of the line that editors leave in a file.
func trimNewline(value []byte) []byte {
	for len(value) > 0 && (value[len(value)-1] == '\n' || value[len(value)-1] == '\r') {
		value = value[:len(value)-1]
	}
	return value
}
