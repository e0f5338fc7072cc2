package hooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// Notice is an event of a Rollout, as others are told of it.
type Notice struct {
	At        time.Time `json:"time"`
	Namespace string    `json:"namespace"`
	Rollout   string    `json:"rollout"`
	Service   string    `json:"service"`
	Reason    string    `json:"reason"`
	Warning   bool      `json:"warning,omitempty"`
	Message   string    `json:"message"`
	By        string    `json:"by,omitempty"`
}

// NoticeOf makes the notice of an event.
func NoticeOf(e rollout.ObjectEvent, service string, at time.Time) Notice {
	return Notice{
		At: at.UTC(), Namespace: e.Key.Namespace, Rollout: e.Key.Name, Service: service,
		Reason: string(e.Reason), Warning: e.Warning, Message: e.Message, By: e.By,
	}
}

// quiet are events that are told only where somebody asks for them: they are many, or nothing is to be done.
var quiet = []rollout.EventReason{
	rollout.EventWaiting, rollout.EventAbandoned, rollout.EventWeightsChanged, rollout.EventHoldEnded, rollout.EventHookAnswered,
}

// wants says whether a notification is to tell of an event.
func wants(n v1alpha1.Notification, reason string) bool {
	if len(n.Events) > 0 {
		return slices.Contains(n.Events, reason)
	}
	return !slices.Contains(quiet, rollout.EventReason(reason))
}

// mostNotices bounds how many notices wait to be sent.
const mostNotices = 1000

// attempts is how often a notice is sent, firstPause how long after the first time; then twice as long each time.
const (
	attempts   = 5
	firstPause = 2 * time.Second
)

// Notifier sends notices. What is not sent when the process ends is lost.
type Notifier struct {
	log   *slog.Logger
	queue chan notice
}

type notice struct {
	Notice
	to   v1alpha1.Notification
	at   Address
	fail error
}

// NewNotifier makes a Notifier; Run has it work.
func NewNotifier(log *slog.Logger) *Notifier {
	return &Notifier{log: log, queue: make(chan notice, mostNotices)}
}

// Tell has the notifications of a Rollout told of an event. It never waits; when too many wait, it is logged and dropped.
func (n *Notifier) Tell(all []v1alpha1.Notification, e Notice, address func(v1alpha1.Notification) (Address, error)) {
	for _, to := range all {
		if !wants(to, e.Reason) {
			continue
		}
		at, err := address(to)
		select {
		case n.queue <- notice{Notice: e, to: to, at: at, fail: err}:
		default:
			n.lost(notice{Notice: e, to: to}, fmt.Errorf("%d others wait", mostNotices))
		}
	}
}

// Run sends until ctx ends. One that is slow holds up to as many others as there are senders.
func (n *Notifier) Run(ctx context.Context) {
	const senders = 8
	done := make(chan struct{})
	for range senders {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case e := <-n.queue:
					n.send(ctx, e)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for range senders {
		<-done
	}
}

func (n *Notifier) send(ctx context.Context, e notice) {
	err := e.fail
	pause := firstPause
	for try := range attempts {
		if err == nil || try > 0 {
			err = deliver(ctx, e)
		}
		if err == nil || e.fail != nil {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause *= 2
	}
	if err != nil {
		n.lost(e, err)
	}
}

func (n *Notifier) lost(e notice, err error) {
	n.log.Warn("a notification is not sent", "rollout", e.Namespace+"/"+e.Rollout, "notification", e.to.Name, "reason", e.Reason, "error", err)
}

func deliver(ctx context.Context, e notice) error {
	ctx, cancel := context.WithTimeout(ctx, rollout.DefaultHookTimeout)
	defer cancel()
	m, err := e.message()
	if err != nil {
		return err
	}
	got, err := post(ctx, e.at, m, time.Now())
	if err != nil {
		return err
	}
	if got.status < 200 || got.status >= 300 {
		return fmt.Errorf("status %d", got.status)
	}
	return nil
}

// id names the notice: it is the same for every attempt.
func (n Notice) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s\x00%s", n.At.Format(time.RFC3339Nano), n.Namespace, n.Rollout, n.Reason, n.Message))
	return hex.EncodeToString(sum[:16])
}

// message writes a notice in a format.
func (e notice) message() (m message, err error) {
	m = message{id: e.id(), header: http.Header{}}
	switch e.to.Format {
	case v1alpha1.NotifySlack:
		m.body, err = json.Marshal(map[string]string{"text": e.slack()})
	case v1alpha1.NotifyCloudEvents:
		for name, value := range e.attributes() {
			m.header.Set("Ce-"+name, value)
		}
		m.body, err = json.Marshal(e.Notice)
	case v1alpha1.NotifyCloudEventsStructured:
		all := map[string]any{"datacontenttype": "application/json", "data": e.Notice}
		for name, value := range e.attributes() {
			all[name] = value
		}
		m.header.Set("Content-Type", "application/cloudevents+json")
		m.body, err = json.Marshal(all)
	default:
		m.body, err = json.Marshal(e.Notice)
	}
	return m, err
}

// attributes are those of a CloudEvent (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md): names are plain, so
// that they need no escaping in headers.
func (n Notice) attributes() map[string]string {
	return map[string]string{
		"specversion": "1.0",
		"id":          n.id(),
		"source":      "/apis/gateway-cp.io/v1alpha1/namespaces/" + n.Namespace + "/rollouts/" + n.Rollout,
		"type":        "io.gateway-cp.rollout." + strings.ToLower(n.Reason),
		"subject":     n.Service,
		"time":        n.At.Format(time.RFC3339Nano),
	}
}

// slack writes a line; what others have said must not become a link or a mention.
func (n Notice) slack() string {
	mark := "✅"
	switch {
	case n.Reason == string(rollout.EventCanaryAborted) || n.Reason == string(rollout.EventFlipRefused) || n.Reason == string(rollout.EventFlipTakenBack):
		mark = "❌"
	case n.Warning:
		mark = "⚠️"
	case n.Reason != string(rollout.EventCanaryPromoted) && n.Reason != string(rollout.EventFlipped):
		mark = "▶️"
	}
	text := fmt.Sprintf("%s %s/%s: %s", mark, n.Namespace, n.Rollout, n.Message)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// AddressOf gives where something goes, with a function that reads secrets of its namespace.
func AddressOf(url string, from, key *v1alpha1.SecretKeyRef, secret func(name, key string) ([]byte, error)) (a Address, err error) {
	a.URL = url
	if from != nil {
		value, err := secret(from.Name, from.Key)
		if err != nil {
			return Address{}, err
		}
		a.URL = strings.TrimSpace(string(value))
	}
	if key != nil {
		if a.Key, err = secret(key.Name, key.Key); err != nil {
			return Address{}, err
		}
		if len(a.Key) == 0 {
			return Address{}, fmt.Errorf("the key %s of Secret %s is empty", key.Key, key.Name)
		}
	}
	return a, nil
}
