package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/hooks"
)

// gate is a service that hooks ask; it answers as it is told, by the name of the hook.
type gate struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // hook → status and body, such as "200 {…}"
	asked   []hooks.Question
	signed  int
}

func newGate(t *testing.T) *gate {
	g := &gate{answers: map[string]string{}}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q hooks.Question
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &q); err != nil || q.ID != r.Header.Get("Webhook-Id") {
			t.Errorf("asked with %s: %v", body, err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.asked = append(g.asked, q)
		if strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			g.signed++
		}
		status := 200
		text := ""
		if answer, ok := g.answers[q.Hook]; ok {
			_, _ = fmt.Sscanf(answer, "%d", &status)
			text = answer[3:]
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gate) says(hook, answer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[hook] = answer
}

// of gives the questions of a hook.
func (g *gate) of(hook string) (found []hooks.Question) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, q := range g.asked {
		if q.Hook == hook {
			found = append(found, q)
		}
	}
	return found
}

// A canary under load asks its hooks, over two kills of the control plane, neither forgetting nor repeating a decision; a
// freeze keeps it, and lets it go back; the version before keeps the traffic meanwhile, and no request fails.
func TestHooksAndFreezes(t *testing.T) {
	t.Parallel()
	w := newCanaryWorld(t)
	g := newGate(t)
	hook := func(name, when, more string) string {
		return fmt.Sprintf("\n  - {name: %s, when: %s, url: %q, signingKey: {name: hooks, key: key}%s}", name, when, g.URL+"/s3cret", more)
	}
	w.Write("secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: hooks}\nstringData: {key: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}\n")
	plain := w.shop
	freeze := func(on bool) {
		text := plain + "  hooks:" + hook("gate", "before", ", interval: 1s") + hook("watch", "during", ", interval: 1s") + hook("gone", "rollback", "")
		if on {
			year := time.Now().UTC().Year()
			text += fmt.Sprintf("\n  freeze: [{name: audit, from: %q, to: %q}]", fmt.Sprintf("%d-01-01", year-1), fmt.Sprintf("%d-01-01", year+1))
		}
		w.shop = text + "\n"
		w.to("v2")
	}
	waits := func(phase, why string) {
		t.Helper()
		w.cp.AwaitStatus(why, 15*time.Second, func(s admin.Status) error {
			if r := s.Rollouts[0]; r.Phase != phase || !strings.Contains(r.Message, why) {
				return fmt.Errorf("%s: %s", r.Phase, r.Message)
			}
			return nil
		})
	}

	freeze(true)
	waits("Waiting", "v2 waits: freeze audit until ")
	if out, code := w.cp.CLI("rollout", "status", "default/shop", "-o", "json"); code != 0 || !strings.Contains(out, `"reason": "Freeze"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if n := len(g.of("gate")); n > 0 {
		t.Errorf("the gate was asked %d times during the freeze", n)
	}

	g.says("gate", `202 {"message": "QA is at it"}`)
	freeze(false)
	waits("Waiting", "hook gate is asked: QA is at it")
	w.cp.Kill()
	w.cp.Start()
	waits("Waiting", "hook gate is asked: QA is at it")
	g.says("gate", "200")
	w.stands("Paused", 5)
	asked := g.of("gate")
	for _, q := range asked {
		if q.ID != asked[0].ID || q.Canary != "v2" || q.Stable != "v1" {
			t.Errorf("asked %+v, then %+v", asked[0], q)
		}
	}
	w.cp.Kill()
	g.says("gate", "403")
	w.cp.Start()
	w.stands("Paused", 5)
	if n := len(g.of("gate")); n != len(asked) {
		t.Errorf("a decision that was made is asked for again: %d, then %d times", len(asked), n)
	}

	// What watches over it says no, in a freeze: it goes back.
	freeze(true)
	w.tell("promote")
	waits("Waiting", "step 4 of 7: v2 waits: freeze audit until ")
	g.says("watch", `200 {"decision": "reject", "message": "p99 is 3 s"}`)
	w.stands("Aborted", 0)
	waits("Aborted", "hook watch said no: p99 is 3 s")
	w.Await("the hook is told", 5*time.Second, func() error {
		if all := g.of("gone"); len(all) == 0 || !strings.Contains(all[0].Why, "p99 is 3 s") {
			return fmt.Errorf("%+v", all)
		}
		return nil
	})
	w.tell("retry")
	waits("Waiting", "v2 waits: freeze audit until ")
	g.says("watch", "200")
	g.says("gate", "200")
	w.tell("promote") // in spite of the freeze
	w.stands("Paused", 5)
	if text := w.load.Stop().Failures(); text != "" {
		t.Errorf("failed:\n%s", text)
	}
	g.mu.Lock()
	if g.signed != len(g.asked) {
		t.Errorf("%d of %d requests were signed", g.signed, len(g.asked))
	}
	g.mu.Unlock()
	for _, args := range [][]string{{"rollout", "history", "default/shop"}, {"rollout", "status", "-o", "json"}} {
		out, code := w.cp.CLI(args...)
		if code != 0 || strings.Contains(out, "s3cret") || strings.Contains(out, "MfKQ9r8") {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
		if args[1] == "history" && !strings.Contains(out, "HookAnswered") {
			t.Errorf("history:\n%s", out)
		}
	}
}
