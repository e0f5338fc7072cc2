package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Envoy is an Envoy of our own, for gateway-cp serve.
type Envoy struct {
	*Process
	*EnvoyAdmin
	ID string
}

// StartEnvoy starts an Envoy with what gateway-cp bootstrap prints, for a control plane that
// need not run. It returns at once.
func (e *Env) StartEnvoy(id, xds string, args ...string) *Envoy {
	e.Helper()
	address := e.Address(e.FreePort())
	bootstrap, code := e.GatewayCP(append([]string{
		"bootstrap", "--node-id", id, "--xds-address", xds, "--envoy-admin-address", address,
	}, args...)...)
	if code != 0 {
		e.Fatalf("bootstrap: %s", bootstrap)
	}
	path := filepath.Join(e.Dir, "envoy-"+id+".yaml")
	if err := os.WriteFile(path, []byte(bootstrap), 0o600); err != nil {
		e.Fatalf("%v", err)
	}
	p := e.Start("envoy-"+id, e.root.envoy, "-c", path, "--disable-hot-restart", "--concurrency", "2",
		"--log-level", "warning", "--drain-time-s", strconv.Itoa(e.drainSeconds()), "--drain-strategy", "immediate")
	return &Envoy{Process: p, EnvoyAdmin: &EnvoyAdmin{Address: address, env: e}, ID: id}
}

// drainSeconds is how long an Envoy of StartEnvoy keeps a listener that it has been told to drop.
func (e *Env) drainSeconds() int {
	if e.DrainTime > 0 {
		return max(1, int(e.DrainTime/time.Second))
	}
	return 60
}

// EnvoyAdmin asks an Envoy's admin interface.
type EnvoyAdmin struct {
	Address string
	env     *Env
}

// Get gives a page, such as "/config_dump".
func (a *EnvoyAdmin) Get(path string) (string, error) {
	return get(a.env.Context(), "http://"+a.Address+path)
}

// Live says whether Envoy has its first configuration.
func (a *EnvoyAdmin) Live() error {
	_, err := a.Get("/ready")
	return err
}

// AwaitLive waits until Envoy has its first configuration.
func (a *EnvoyAdmin) AwaitLive() {
	a.env.Helper()
	a.env.Await("Envoy is live", startBound, a.Live)
}

// Host is an endpoint as Envoy sees it.
type Host struct {
	Address string // ip:port
	Healthy bool
	Active  int // requests in flight
}

// Clusters gives the endpoints of every cluster whose name has the prefix.
func (a *EnvoyAdmin) Clusters(prefix string) (map[string][]Host, error) {
	page, err := a.Get("/clusters?format=json")
	if err != nil {
		return nil, err
	}
	var all struct {
		Clusters []struct {
			Name  string `json:"name"`
			Hosts []struct {
				Address struct {
					Socket struct {
						Address string `json:"address"`
						Port    int    `json:"port_value"`
					} `json:"socket_address"`
				} `json:"address"`
				Health map[string]any `json:"health_status"`
				Stats  []struct {
					Name  string `json:"name"`
					Value string `json:"value"`
				} `json:"stats"`
			} `json:"host_statuses"`
		} `json:"cluster_statuses"`
	}
	if err := json.Unmarshal([]byte(page), &all); err != nil {
		return nil, fmt.Errorf("clusters of Envoy %s: %w", a.Address, err)
	}
	found := map[string][]Host{}
	for _, c := range all.Clusters {
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		found[c.Name] = []Host{}
		for _, h := range c.Hosts {
			host := Host{Address: fmt.Sprintf("%s:%d", h.Address.Socket.Address, h.Address.Socket.Port)}
			host.Healthy = len(h.Health) == 1 && h.Health["eds_health_status"] == "HEALTHY"
			for _, s := range h.Stats {
				if s.Name == "rq_active" && s.Value != "" {
					_, _ = fmt.Sscan(s.Value, &host.Active)
				}
			}
			found[c.Name] = append(found[c.Name], host)
		}
	}
	return found, nil
}

// AwaitHosts waits until a cluster prefix has exactly these endpoints over all its clusters.
func (a *EnvoyAdmin) AwaitHosts(prefix string, bound time.Duration, addresses ...string) {
	a.env.Helper()
	a.env.Await(fmt.Sprintf("Envoy has %v in %s", addresses, prefix), bound, func() error {
		clusters, err := a.Clusters(prefix)
		if err != nil {
			return err
		}
		want, got := map[string]bool{}, map[string]bool{}
		for _, x := range addresses {
			want[x] = true
		}
		for _, hosts := range clusters {
			for _, h := range hosts {
				got[h.Address] = true
			}
		}
		for x := range want {
			if !got[x] {
				return fmt.Errorf("%s is not there yet", x)
			}
		}
		for x := range got {
			if !want[x] {
				return fmt.Errorf("%s is still there", x)
			}
		}
		return nil
	})
}

// AwaitHealthy waits until Envoy has an endpoint in a cluster with the prefix, and sends
// requests to it.
func (a *EnvoyAdmin) AwaitHealthy(prefix, address string, bound time.Duration) {
	a.env.Helper()
	a.env.Await(fmt.Sprintf("%s is healthy in %s", address, prefix), bound, func() error {
		clusters, err := a.Clusters(prefix)
		if err != nil {
			return err
		}
		for _, hosts := range clusters {
			for _, h := range hosts {
				if h.Address == address && h.Healthy {
					return nil
				}
			}
		}
		return fmt.Errorf("Envoy has %v", clusters)
	})
}

var pages = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get gives the body of a page; another status than 200 is an error.
func get(ctx context.Context, url string) (string, error) {
	// Cleanups look at things, too, when the test's context has ended.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := pages.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	return string(body), nil
}
