package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
	"github.com/gateway-cp/gateway-cp/rollout"
)

// The example of the specification of Standard Webhooks.
func TestSignature(t *testing.T) {
	got, err := sign([]byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	if _, err := sign([]byte("whsec_%%"), "", "", nil); err == nil {
		t.Error("that is not base64")
	}
	a, _ := sign([]byte("key"), "id", "1", []byte("x"))
	b, _ := sign([]byte("key"), "id", "2", []byte("x"))
	if a == b {
		t.Error("the signature does not cover the time")
	}
}

// recorder answers as it is told, and keeps what it was asked.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	answer http.HandlerFunc
}

func newRecorder(t *testing.T, answer http.HandlerFunc) *recorder {
	r := &recorder{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got, r.bodies = append(r.got, req), append(r.bodies, string(body))
		answer := r.answer
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) requests() ([]*http.Request, []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*http.Request(nil), r.got...), append([]string(nil), r.bodies...)
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestAnswers(t *testing.T) {
	call := rollout.Call{
		Key: "k1", Attempt: 2, Hook: v1alpha1.Hook{Name: "gate", When: v1alpha1.HookBefore, Timeout: &metav1.Duration{Duration: 200 * time.Millisecond}},
		Stable: "v1", Canary: "v2", Weight: 550, Step: 1, Steps: 3,
	}
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome rollout.AnswerOutcome
		message string
		after   time.Duration
	}{
		{"200", says(200, ""), rollout.AnswerYes, "", 0},
		{"204", says(204, ""), rollout.AnswerYes, "", 0},
		{"200 with anything", says(200, "<html>"), rollout.AnswerYes, "", 0},
		{"approve", says(200, `{"decision": "approve", "message": "go\u001b[31m  on"}`), rollout.AnswerYes, "go [31m on", 0},
		{"reject", says(200, `{"decision": "reject", "message": "tests fail"}`), rollout.AnswerNo, "tests fail", 0},
		{"wait", says(200, `{"decision": "wait"}`, "Retry-After", "7"), rollout.AnswerNotYet, "", 7 * time.Second},
		{"202", says(202, `{"message": "QA is at it"}`), rollout.AnswerNotYet, "QA is at it", 0},
		{"an unknown decision", says(200, `{"decision": "perhaps"}`), rollout.AnswerNone, `it says "perhaps", which is none of approve, wait and reject`, 0},
		{"403", says(403, ""), rollout.AnswerNo, "status 403", 0},
		{"404 with a reason", says(404, `{"message": "no such gate"}`), rollout.AnswerNo, "no such gate", 0},
		{"429", says(429, "", "Retry-After", "3"), rollout.AnswerNone, "status 429", 3 * time.Second},
		{"500", says(500, `{"message": "out of order"}`), rollout.AnswerNone, "status 500: out of order", 0},
		{"a redirect is no answer", says(302, "", "Location", "http://example.org/"), rollout.AnswerNone, "status 302", 0},
		{"too late", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, rollout.AnswerNone, "no answer in time", 0},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, rollout.AnswerNone, "EOF", 0},
		{"an endless answer", says(200, strings.Repeat(" ", 1<<20)), rollout.AnswerYes, "", 0},
	} {
		r := newRecorder(t, c.answer)
		got := ask(context.Background(), rollout.Key("shop", "web"), call, Address{URL: r.URL, Key: []byte("secret")})
		want := rollout.Answer{Attempt: 2, Outcome: c.outcome, Message: c.message, After: c.after}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
		requests, bodies := r.requests()
		if len(requests) != 1 {
			t.Fatalf("%s: %d requests", c.name, len(requests))
		}
		h := requests[0].Header
		signature, _ := sign([]byte("secret"), "k1", h.Get("Webhook-Timestamp"), []byte(bodies[0]))
		if h.Get("Webhook-Id") != "k1" || h.Get("Webhook-Signature") != signature || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", c.name, h)
		}
		var q Question
		if err := json.Unmarshal([]byte(bodies[0]), &q); err != nil || q.Percent != 5.5 || q.When != "before" || q.Rollout != "web" || q.Attempt != 2 {
			t.Errorf("%s: %s, %v", c.name, bodies[0], err)
		}
	}
	// What cannot be reached says why, and not where: the path may be a secret.
	for _, url := range []string{"http://127.0.0.1:1/s3cret", "http://nobody.invalid/s3cret", "http://127.0.0.1:1/s3cret\x00", "https://" + newRecorder(t, says(200, "")).Listener.Addr().String() + "/s3cret"} {
		got := ask(context.Background(), rollout.Key("shop", "web"), call, Address{URL: url})
		if got.Outcome != rollout.AnswerNone || got.Message == "" || strings.Contains(got.Message, "s3cret") {
			t.Errorf("%q: %+v", url, got)
		}
	}
}

// A Desk makes each request once, forgets answers that are stored, and gives up what is not wanted any more.
func TestDesk(t *testing.T) {
	release := make(chan struct{})
	r := newRecorder(t, func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
		w.WriteHeader(200)
	})
	d := NewDesk()
	defer d.Close()
	web := rollout.Key("shop", "web")
	address := func(rollout.Call) (Address, error) { return Address{URL: r.URL}, nil }
	first := rollout.Call{Key: "a", Attempt: 1, Hook: v1alpha1.Hook{Name: "gate"}}
	other := rollout.Call{Key: "b", Attempt: 1, Hook: v1alpha1.Hook{Name: "gate"}}
	for range 3 {
		d.Want(web, []rollout.Call{first, other}, address)
	}
	d.Want(web, []rollout.Call{first}, address) // other is given up
	close(release)
	<-d.Rung()
	if got := d.Answered(); len(got) != 1 || got[0] != web {
		t.Fatalf("%v", got)
	}
	got := d.Answers(web)
	if len(got) != 1 || got["a"].Outcome != rollout.AnswerYes {
		t.Fatalf("%+v", got)
	}
	d.Want(web, []rollout.Call{first}, address) // it is not stored yet: the answer stays, and it is not asked again
	if got := d.Answers(web); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	d.Want(web, nil, address)
	if got := d.Answers(web); got != nil || len(d.open) != 0 {
		t.Fatalf("%+v", got)
	}
	if requests, _ := r.requests(); len(requests) > 2 {
		t.Errorf("%d requests", len(requests))
	}
	// A secret that is missing is no answer.
	d.Want(web, []rollout.Call{first}, func(rollout.Call) (Address, error) { return Address{}, SecretError("shop", "hooks", "url") })
	<-d.Rung()
	if a := d.Answers(web)["a"]; a.Outcome != rollout.AnswerNone || a.Message != "there is no key url in Secret shop/hooks, nor a file in --hook-secrets" {
		t.Errorf("%+v", a)
	}
}

func TestNotifications(t *testing.T) {
	r := newRecorder(t, says(200, ""))
	var log bytes.Buffer
	n := NewNotifier(slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	tell := func(reason rollout.EventReason, format v1alpha1.NotificationFormat, events ...string) {
		e := rollout.ObjectEvent{Key: rollout.Key("shop", "web"), Event: rollout.Event{Reason: reason, Warning: true, Message: "v2 <!here> & more"}}
		to := []v1alpha1.Notification{{Name: "n", Format: format, Events: events}}
		n.Tell(to, NoticeOf(e, "web", at), func(v1alpha1.Notification) (Address, error) { return Address{URL: r.URL, Key: []byte("k")}, nil })
	}
	next := func(count int) (*http.Request, string) {
		t.Helper()
		for range 500 {
			if requests, bodies := r.requests(); len(requests) == count {
				return requests[count-1], bodies[count-1]
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("no request %d", count)
		return nil, ""
	}
	tell(rollout.EventCanaryAborted, "")
	if _, body := next(1); body != `{"time":"2026-01-02T03:04:05.000006Z","namespace":"shop","rollout":"web","service":"web","reason":"CanaryAborted","warning":true,"message":"v2 \u003c!here\u003e \u0026 more"}` {
		t.Error(body)
	}
	tell(rollout.EventWeightsChanged, "") // too many of them, unless asked for
	tell(rollout.EventCanaryStarted, "", "WeightsChanged")
	tell(rollout.EventWeightsChanged, v1alpha1.NotifySlack, "WeightsChanged")
	_, body := next(2)
	var slack struct{ Text string }
	if err := json.Unmarshal([]byte(body), &slack); err != nil || slack.Text != "⚠️ shop/web: v2 &lt;!here&gt; &amp; more" {
		t.Errorf("%s, %v", body, err)
	}
	tell(rollout.EventFlipped, v1alpha1.NotifyCloudEvents)
	request, body := next(3)
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Type": "io.gateway-cp.rollout.flipped", "Ce-Subject": "web", "Ce-Time": "2026-01-02T03:04:05.000006Z",
		"Ce-Source": "/apis/gateway-cp.io/v1alpha1/namespaces/shop/rollouts/web", "Content-Type": "application/json", "Ce-Id": request.Header.Get("Webhook-Id"),
	} {
		if got := request.Header.Get(name); got != want || got == "" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	binary := body
	tell(rollout.EventFlipped, v1alpha1.NotifyCloudEventsStructured)
	request, body = next(4)
	var event struct {
		Specversion, ID, Source, Type, Time, Datacontenttype string
		Data                                                 json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &event); err != nil || request.Header.Get("Content-Type") != "application/cloudevents+json" ||
		event.Specversion != "1.0" || event.Type != "io.gateway-cp.rollout.flipped" || event.ID == "" || string(event.Data) != binary {
		t.Errorf("%s, %v", body, err)
	}
	cancel()
	<-done
	if log.Len() > 0 {
		t.Errorf("it logs %s", log.String())
	}
}
