package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"github.com/gateway-cp/gateway-cp/api"
)

// Manager is the field manager of what is written.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
const Manager = "gateway-cp"

// What is written is bounded: over all, and for one object, of which only the newest state is written.
const (
	writesPerSecond = 20
	writesAtOnce    = 200
	writers         = 4
	pause           = time.Second // between two writes to one object
	longestRetry    = 30 * time.Second
)

// Said is what is to stand in the status of an object.
type Said struct {
	// UID is that of the object, if it is known: another one of the same name is told anew.
	UID types.UID
	// Status has the fields of the status that are ours, as they are in JSON; lastTransitionTime of
	// conditions is filled in here. nil: nothing is ours any more.
	Status any
}

// Writer writes status to an API server by server-side apply. It is safe for concurrent use.
type Writer struct {
	client dynamic.Interface
	log    *slog.Logger
	now    func() time.Time
	queue  workqueue.TypedRateLimitingInterface[api.Key]
	limit  *rate.Limiter

	mu      sync.Mutex
	said    map[api.Key]Said
	written map[api.Key]written
	failing map[api.Key]error
	changed func()
	holds   func() error // nil: nothing is written
}

// written is what the API server has, as far as we know.
type written struct {
	uid    types.UID
	status map[string]any
	at     time.Time // when we wrote it; zero: we did not have to
}

// NewWriter makes a writer that talks to the API server of the configuration, once it runs. When it
// begins or ceases to fail, it calls changed.
func NewWriter(config *rest.Config, log *slog.Logger, changed func()) (*Writer, error) {
	client, err := dynamic.NewForConfig(unlimited(config))
	if err != nil {
		return nil, err
	}
	return &Writer{
		client: client, log: log, now: time.Now, changed: changed,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[api.Key](100*time.Millisecond, longestRetry)),
		limit: rate.NewLimiter(writesPerSecond, writesAtOnce),
		said:  map[api.Key]Said{}, written: map[api.Key]written{}, failing: map[api.Key]error{},
	}, nil
}

// unlimited is a configuration without the client's own limit.
func unlimited(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, 0
	config.WarningHandler = rest.NoWarnings{}
	return config
}

// Lead has what was said written for as long as holds gives no error; nil: until the next call nothing is written,
// and what is said is kept.
func (w *Writer) Lead(holds func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds = holds
	if holds == nil {
		return
	}
	clear(w.written) // somebody else has written meanwhile
	for k := range w.said {
		w.queue.Add(k)
	}
}

// Say sets what is to stand in the status of an object. It does not wait.
func (w *Writer) Say(k api.Key, s Said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if old, ok := w.said[k]; ok && old.UID == s.UID && equality.Semantic.DeepEqual(old.Status, s.Status) {
		return
	}
	w.said[k] = s
	w.queue.Add(k)
}

// Renew is told that an object has been replaced by another one of the same name, of which the same is
// to be said until Say says otherwise.
func (w *Writer) Renew(k api.Key, uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.said[k]; ok && s.UID != uid {
		s.UID = uid
		w.said[k] = s
		w.queue.Add(k)
	}
}

// Forget is told that an object is gone.
func (w *Writer) Forget(k api.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.said, k)
	delete(w.written, k)
	w.fail(k, nil)
}

// Failures gives, for each kind whose status cannot be written at the moment, an error.
func (w *Writer) Failures() map[api.Kind]error {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[api.Kind]error{}
	for _, k := range slices.SortedFunc(maps.Keys(w.failing), api.Key.Compare) {
		if all[k.Kind] == nil {
			all[k.Kind] = w.failing[k]
		}
	}
	return all
}

// fail notes what came of a write. The caller holds the lock.
func (w *Writer) fail(k api.Key, err error) {
	_, failed := w.failing[k]
	switch {
	case err == nil && failed:
		delete(w.failing, k)
	case err != nil:
		w.failing[k] = err
	}
	if failed != (err != nil) {
		w.changed()
	}
}

// Run writes until ctx ends.
func (w *Writer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		w.queue.ShutDown()
		return nil
	})
	for range writers {
		g.Go(func() error {
			for {
				k, down := w.queue.Get()
				if down {
					return nil
				}
				w.work(ctx, k)
				w.queue.Done(k)
			}
		})
	}
	return g.Wait()
}

// work writes the status of one object, and has it done again if that failed or is too early.
func (w *Writer) work(ctx context.Context, k api.Key) {
	w.mu.Lock()
	said, ok := w.said[k]
	have := w.written[k]
	ok = ok && w.holds != nil && w.holds() == nil
	w.mu.Unlock()
	if !ok {
		w.queue.Forget(k)
		return
	}
	if soon := have.at.Add(pause).Sub(w.now()); soon > 0 && have.uid == said.UID {
		w.queue.AddAfter(k, soon)
		return
	}
	err := w.write(ctx, k, said, have)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || errors.Is(err, errOther) {
		w.queue.Forget(k)
		w.fail(k, nil)
		return
	}
	if !apierrors.IsConflict(err) {
		w.fail(k, err)
		w.log.Debug("a status is not written", "object", k.String(), "error", err)
	}
	delete(w.written, k) // look again
	w.queue.AddRateLimited(k)
}

// errOther says that the object is gone, or another than the one that is spoken of: there will be
// other things to say.
var errOther = errors.New("the object is another one")

// write brings the status of an object to what is said, if it is not that already.
func (w *Writer) write(ctx context.Context, k api.Key, said Said, have written) error {
	want, err := fields(said.Status)
	if err != nil {
		return err
	}
	info, ok := kindOf(k.Kind)
	if !ok {
		return fmt.Errorf("%s has no status", k)
	}
	client := dynamic.ResourceInterface(w.client.Resource(info.GVK.GroupVersion().WithResource(info.Resource)))
	if k.Namespace != "" {
		client = client.(dynamic.NamespaceableResourceInterface).Namespace(k.Namespace)
	}
	version := ""
	if have.status == nil || have.uid != said.UID || isShared(k.Kind) {
		if have, version, err = w.read(ctx, client, k, said.UID); err != nil {
			return err
		}
	}
	if said.Status == nil {
		want = nothingOf(k.Kind)
	}
	merge(k.Kind, want, have.status, w.now())
	if stands(want, have.status) {
		w.note(k, written{have.uid, have.status, have.at})
		return nil
	}
	object := &unstructured.Unstructured{Object: map[string]any{"status": want}}
	object.SetGroupVersionKind(info.GVK)
	object.SetNamespace(k.Namespace)
	object.SetName(k.Name)
	object.SetUID(have.uid)
	if isShared(k.Kind) {
		object.SetResourceVersion(version) // what others say in the list must be the newest
	}
	if err := w.limit.Wait(ctx); err != nil {
		return err
	}
	after, err := client.ApplyStatus(ctx, k.Name, object, metav1.ApplyOptions{FieldManager: Manager, Force: true})
	if apierrors.IsNotFound(err) {
		return errOther
	}
	if err != nil {
		return err
	}
	status, _ := after.Object["status"].(map[string]any)
	w.note(k, written{after.GetUID(), status, w.now()})
	return nil
}

func (w *Writer) note(k api.Key, is written) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.said[k]; ok {
		w.written[k] = is
	}
}

// read asks for the status that an object has now.
func (w *Writer) read(ctx context.Context, client dynamic.ResourceInterface, k api.Key, uid types.UID) (written, string, error) {
	object, err := client.Get(ctx, k.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return written{}, "", errOther
	case err != nil:
		return written{}, "", err
	case uid != "" && object.GetUID() != uid:
		return written{}, "", errOther
	}
	status, _ := object.Object["status"].(map[string]any)
	if status == nil {
		status = map[string]any{}
	}
	return written{uid: object.GetUID(), status: status}, object.GetResourceVersion(), nil
}

func kindOf(kind api.Kind) (api.KindInfo, bool) {
	all := api.Kinds()
	i := slices.IndexFunc(all, func(info api.KindInfo) bool { return info.Kind == kind })
	if i < 0 {
		return api.KindInfo{}, false
	}
	return all[i], true
}

// fields gives a value as JSON has it.
func fields(status any) (map[string]any, error) {
	out := map[string]any{}
	if status == nil {
		return out, nil
	}
	data, err := json.Marshal(status)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}
