package test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/admin"
	"github.com/gateway-cp/gateway-cp/test/harness"
)

// crowd are users who come back again and again.
type crowd struct {
	stream harness.Stream
	client *http.Client
	users  []*user

	asked, moved atomic.Int64 // moved: from the new version to the old one
	failure      atomic.Value // what went wrong last
}

type user struct {
	name, cookie string // the cookie is what the first answer has set
	version      string
}

// newCrowd makes users who send the header, or who keep the cookie that they are given.
func newCrowd(s harness.Stream, n int) *crowd {
	c := &crowd{stream: s, client: &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 32},
	}}
	for i := range n {
		c.users = append(c.users, &user{name: fmt.Sprintf("user-%d", i)})
	}
	return c
}

// come has every user ask once, and gives the share of those that v2 answered.
func (c *crowd) come() float64 {
	var next, fresh atomic.Int64
	var done sync.WaitGroup
	for range 16 {
		done.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(len(c.users)) {
					return
				}
				if err := c.ask(c.users[i]); err != nil {
					c.failure.Store(fmt.Sprintf("%s: %v", c.users[i].name, err))
				}
				if c.users[i].version == "v2" {
					fresh.Add(1)
				}
			}
		})
	}
	done.Wait()
	return float64(fresh.Load()) / float64(len(c.users))
}

func (c *crowd) ask(u *user) error {
	req, err := c.stream.Request()
	if err != nil {
		return err
	}
	if c.stream.Name == "cookie" {
		if u.cookie != "" {
			req.Header.Set("Cookie", "theme=dark; "+u.cookie)
		}
	} else {
		req.Header.Set("X-User", u.name)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	for _, k := range resp.Cookies() {
		if u.cookie != "" {
			return fmt.Errorf("has %s and is given another cookie", u.cookie)
		}
		u.cookie = k.Name + "=" + k.Value
	}
	if c.stream.Name == "cookie" && u.cookie == "" {
		return fmt.Errorf("is given no cookie")
	}
	c.asked.Add(1)
	version := resp.Header.Get(harness.VersionHeader)
	if u.version == "v2" && version != "v2" {
		c.moved.Add(1)
	}
	u.version = version
	return nil
}

// Users who are known by a header, or by a cookie that Envoy gives them, are asked over and over while the canary's
// share grows from 1 to 100 %: nobody goes back from the new version to the old one, and the share of users
// is what the steps ask. (The long form: 100,000 users, each way.)
func TestUsersStayWithTheirVersion(t *testing.T) {
	t.Parallel()
	n, half := 1000, 2*time.Second
	if soaking {
		n, half = 100_000, 50*time.Second
	}
	e := harness.New(t)
	services, port := e.FreePort(), e.FreePort()
	e.Write("fleet.yaml", e.Fleet(services))
	e.Write("gateway.yaml", harness.Gateway(port))
	crowds := []*crowd{
		newCrowd(harness.Stream{Name: "header", URL: "http://" + e.Address(services) + "/", Host: "header"}, n),
		newCrowd(harness.Stream{Name: "cookie", URL: "http://" + e.Address(port) + "/", Host: "cookie.example.com"}, n),
	}
	by := map[string]string{"header": "header: X-User", "cookie": "cookie: {name: user, ttl: 1h}"}
	deploy := func(to string) {
		for name, known := range by {
			e.Write(name+"-rollout.yaml", fmt.Sprintf("apiVersion: gateway-cp.io/v1alpha1\nkind: Rollout\nmetadata: {name: %s}\nspec:\n"+
				"  targetRef: {name: %[1]s}\n  versions:\n  - {name: v1, selector: {version: v1}}\n  - {name: v2, selector: {version: v2}}\n  stickiness: {%s}\n"+
				"  canary: {to: %s, steps: [{weight: 1}, {pause: {}}, {ramp: {to: 50, over: %s}}, {pause: {}}, {ramp: {to: 100, over: %[4]s}}, {pause: {}}]}\n",
				name, known, to, half))
		}
	}
	for name := range by {
		e.Write(name+".yaml", harness.Route(name, name+".example.com", 80)+harness.Service(name, 80)+e.Backend("v1").Workload(name)+e.Backend("v2").Workload(name))
	}
	deploy("v1")
	c := e.Run()
	for _, crowd := range crowds {
		e.Await("v1 answers", 20*time.Second, crowd.stream.Answers("v1"))
	}
	deploy("v2")
	last := map[*crowd]float64{}
	stands := func(percent float64) func(admin.Status) error {
		return func(s admin.Status) error {
			for _, r := range s.Rollouts {
				if r.Phase != "Paused" || r.Canary == nil || r.Canary.Percent != percent {
					return fmt.Errorf("%+v", r)
				}
			}
			return harness.InSync(1)(s)
		}
	}
	for i, percent := range []float64{1, 50, 100} {
		if i > 0 {
			for name := range by {
				if out, code := c.CLI("rollout", "promote", "default/"+name); code != 0 {
					t.Fatalf("promote exits with %d: %s", code, out)
				}
			}
		}
		var over atomic.Bool
		var coming sync.WaitGroup
		for _, crowd := range crowds {
			coming.Go(func() {
				for !over.Load() && i > 0 {
					crowd.come()
				}
			})
		}
		c.AwaitStatus(fmt.Sprintf("%g %%", percent), 2*half+20*time.Second, stands(percent))
		if e.Pause(300*time.Millisecond) != nil { // Envoy's threads take it over one by one
			t.FailNow()
		}
		over.Store(true)
		coming.Wait()
		for _, crowd := range crowds {
			p := percent / 100
			share := crowd.come()
			if bound := 5 * math.Sqrt(p*(1-p)/float64(n)); math.Abs(share-p) > bound || share < last[crowd] {
				t.Errorf("by %s: v2 has %.4f of the users, want %.4f ± %.4f and no less than before", crowd.stream.Name, share, p, bound)
			}
			last[crowd] = share
		}
		if percent != 50 {
			continue
		}
		out, code := c.CLI("explain", "--live", "--port", fmt.Sprint(port), "--", "GET", "http://cookie.example.com/")
		for _, want := range []string{"hash policy: header x-request-id", "set-cookie: user="} {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("explain exits with %d, without %q:\n%s", code, want, out)
			}
		}
	}
	for _, crowd := range crowds {
		t.Logf("by %s: %d users, %d requests, %d moved from the new version to the old one", crowd.stream.Name, n, crowd.asked.Load(), crowd.moved.Load())
		if crowd.moved.Load() > 0 || crowd.failure.Load() != nil {
			t.Errorf("by %s: %d moved back, failed: %v", crowd.stream.Name, crowd.moved.Load(), crowd.failure.Load())
		}
	}
}
