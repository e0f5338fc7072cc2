package test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// The commands of the README work as they are written there, but for ports and places: one starts all tiers, a request
// goes through every one of them, and a process of a tier drains under load without a failure.
func TestMicroservicesReadme(t *testing.T) {
	const dir = "../examples/microservices"
	r := newReadme(t, dir)
	if out, code := r.GatewayCP("validate", dir); code != 0 || !strings.HasSuffix(out, " 0 errors, 0 warnings\n") {
		t.Errorf("validate: exit code %d:\n%s", code, out)
	}
	t.Setenv("GATEWAY_CP", r.Binary())
	t.Setenv("SERVICES", "127.0.0.1:"+r.ports["10080"])
	shop := r.start("go run ./examples/microservices/shop", "shop")
	page := harness.Stream{Name: "page", URL: "http://127.0.0.1:" + r.ports["8080"] + "/", Rate: 100}
	users := func() (process string, err error) {
		resp, body, err := page.Do()
		lines := strings.Split(body, "\n")
		if err == nil && (resp.StatusCode != http.StatusOK || len(lines) < 4) {
			err = fmt.Errorf("%s: %s", resp.Status, body)
		}
		if err != nil {
			return "", err
		}
		for i, tier := range []string{"the shop, by the frontend", "users", "orders", "products"} {
			if !strings.HasPrefix(lines[i], tier+" at 127.0.0.1:") || i > 0 && !strings.Contains(lines[i], "says the database at 127.0.0.1:"+r.ports["9027"]) {
				return "", fmt.Errorf("line %d is not of %s: %s", i, tier, body)
			}
		}
		process, _, _ = strings.Cut(lines[1], ": ")
		return process, nil
	}
	var first string
	r.Await("the page, by all tiers", 30*time.Second, func() (err error) {
		first, err = users()
		return err
	})
	r.Await("the other process of users", 10*time.Second, func() error {
		if now, err := users(); err != nil || now != first {
			return err
		}
		return fmt.Errorf("only %s answers", first)
	})
	r.Await("the frontend by curl", 10*time.Second, r.curl(r.commands("curl http://localhost:" + r.ports["8080"])[0], "the shop, by the frontend"))
	r.Await("users by name", 10*time.Second, r.curl(r.commands("curl -H 'Host: users'")[0], "users at "))
	r.Await("orders by way of the API gateway", 10*time.Second, r.curl(r.commands("curl -H 'Host: api-gateway")[0], "orders at "))
	load := r.Load(page)
	if out, code := r.shell(r.commands("sed")[0]); code != 0 {
		t.Fatalf("sed: %s", out)
	}
	drained := "users at 127.0.0.1:" + r.ports["9023"]
	quiet := 0
	r.Await("one process of users drains", 10*time.Second, func() error {
		if now, err := users(); err != nil || now == drained {
			quiet = 0
			return fmt.Errorf("%s, %v", now, err)
		}
		if quiet++; quiet < 20 {
			return fmt.Errorf("it was not asked %d times in a row", quiet)
		}
		return nil
	})
	if samples := load.Stop(); len(samples) == 0 || samples.Failures() != "" {
		t.Errorf("%d requests; failed:\n%s", len(samples), samples.Failures())
	}
	for _, command := range r.commands("bin/gateway-cp fleet", "bin/gateway-cp explain") {
		if out, code := r.shell(command); code != 0 {
			t.Errorf("%s: exit code %d: %s", command, code, out)
		}
	}
	shop.Signal(syscall.SIGINT)
	if err := shop.Wait(45 * time.Second); err != nil {
		t.Errorf("the shop after Ctrl-C: %v", err)
	}
}
