package election

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/gateway-cp/gateway-cp/api"
	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// manager is the field manager of states. The rest of the status has another one.
const manager = "gateway-cp-state"

var (
	// errGone: the Rollout is, or another one has its name.
	errGone = errors.New("the Rollout is another one")
	// errLost: another replica leads.
	errLost = errors.New("another replica leads")
	// errAgain: the Rollout has changed, and it is to be tried again.
	errAgain = errors.New("the Rollout has changed meanwhile")
)

// work writes the state of one Rollout, and has that done again if it failed.
func (s *Store) work(ctx context.Context, k api.Key) {
	s.mu.Lock()
	e := s.rollouts[k]
	if e == nil || e.unreadable != nil {
		s.mu.Unlock()
		return
	}
	now := *e
	s.mu.Unlock()
	err := s.o.holds()
	if err == nil {
		var after *stored
		if after, err = s.write(ctx, k, now); err == nil {
			s.wrote(k, e, now.number, after)
			return
		}
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, errGone):
		s.queue.Forget(k)
	case errors.Is(err, errLost):
		s.o.lost(err)
	default:
		s.mu.Lock()
		if !errors.Is(err, errAgain) && s.rollouts[k] == e {
			s.fail(k, err)
		}
		s.mu.Unlock()
		s.o.log.Debug("a state is not written", "rollout", k.String(), "error", err)
		s.queue.AddRateLimited(k)
	}
}

// wrote notes that the state of a number is written.
func (s *Store) wrote(k api.Key, e *kept, number int, after *stored) {
	s.queue.Forget(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rollouts[k] != e {
		return
	}
	s.fail(k, nil)
	e.stored, e.at = after, time.Now()
	switch {
	case e.number != number:
		s.queue.Add(k)
	case e.awaited:
		e.awaited = false
		s.done = append(s.done, k)
		s.ring()
	}
}

// write writes a state, if what stands there is of this term or as it was read when the term began.
func (s *Store) write(ctx context.Context, k api.Key, e kept) (*stored, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	how, patch, err := s.patch(e)
	if err != nil {
		return nil, err
	}
	client := rolloutsOf(s.o.client, k.Namespace)
	after, err := client.Patch(ctx, k.Name, how, patch, metav1.PatchOptions{FieldManager: manager}, "status")
	switch {
	case apierrors.IsNotFound(err):
		return nil, errGone
	case apierrors.IsConflict(err), apierrors.IsInvalid(err):
		refused := err
		is, err := client.Get(ctx, k.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, errGone
		}
		if err != nil {
			return nil, err
		}
		return nil, s.refused(k, e, read(is), refused)
	case err != nil:
		return nil, err
	}
	if is := read(after); is.epoch() == s.o.epoch && is.data() == e.data {
		return is, nil
	}
	return nil, fmt.Errorf("the API server does not keep status.state: its CRD of Rollouts is older than this gateway-cp: apply deploy/crds")
}

// patch makes a request of which the API server itself checks that nobody else leads: once the epoch stands there, by
// its being the same; before, by the version of the object.
func (s *Store) patch(e kept) (types.PatchType, []byte, error) {
	state := v1alpha1.StoredState{Epoch: s.o.epoch, Holder: s.o.holder, Data: e.data}
	history := historyOf(e.records)
	if e.epoch() != s.o.epoch {
		meta := map[string]any{"resourceVersion": e.rollout.ResourceVersion}
		if e.rollout.UID != "" {
			meta["uid"] = e.rollout.UID
		}
		data, err := json.Marshal(map[string]any{"metadata": meta, "status": map[string]any{"state": state, "history": history}})
		return types.MergePatchType, data, err
	}
	type op struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	data, err := json.Marshal([]op{
		{"test", "/metadata/uid", e.rollout.UID},
		{"test", "/status/state/epoch", s.o.epoch},
		{"add", "/status/state", state},
		{"add", "/status/history", history},
	})
	return types.JSONPatchType, data, err
}

// refused looks at why the API server has refused a state.
func (s *Store) refused(k api.Key, e kept, is *stored, refused error) error {
	switch {
	case e.rollout.UID != "" && is.rollout.UID != e.rollout.UID:
		return errGone
	case is.epoch() > s.o.epoch:
		return fmt.Errorf("%w: %s, in epoch %d, this one has %d", errLost, is.rollout.Status.State.Holder, is.epoch(), s.o.epoch)
	case e.epoch() != s.o.epoch && is.epoch() != s.o.epoch && is.data() != e.stored.data():
		return fmt.Errorf("%w: Rollout %s was written after this term had begun", errLost, k)
	case e.epoch() == is.epoch() && e.rollout.ResourceVersion == is.rollout.ResourceVersion:
		return refused // for another reason
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.rollouts[k]; now != nil && now.stored == e.stored {
		now.stored = is
	}
	return errAgain
}

func historyOf(records []rollout.Record) []v1alpha1.RolloutRecord {
	all := []v1alpha1.RolloutRecord{}
	for _, r := range records {
		all = append(all, v1alpha1.RolloutRecord{
			Time: metav1.NewTime(r.At), Reason: string(r.Reason), Warning: r.Warning, Message: r.Message, By: r.By,
		})
	}
	return all
}
