package supervise

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// adminClient talks to Envoy's admin interface:
// https://www.envoyproxy.io/docs/envoy/latest/operations/admin
type adminClient struct{ http http.Client }

// newAdminClient builds a client for host:port or unix:///path.
func newAdminClient(address string) *adminClient {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		network, address = "unix", path
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return &adminClient{http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
	}}
}

func (c *adminClient) do(ctx context.Context, method, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy %s %s: %s", method, path, resp.Status)
	}
	return body, nil
}

func (c *adminClient) post(ctx context.Context, path string) error {
	_, err := c.do(ctx, http.MethodPost, path)
	return err
}

// serverInfo is the part of /server_info that is used.
type serverInfo struct {
	State              string `json:"state"` // LIVE, DRAINING, PRE_INITIALIZING, INITIALIZING
	CommandLineOptions struct {
		ConfigPath string `json:"config_path"`
	} `json:"command_line_options"`
}

func (c *adminClient) serverInfo(ctx context.Context) (serverInfo, error) {
	var info serverInfo
	body, err := c.do(ctx, http.MethodGet, "/server_info")
	if err != nil {
		return info, err
	}
	return info, json.Unmarshal(body, &info)
}

// traffic is what clients do at one moment.
type traffic struct {
	connections int // of all listeners
	http        int // of those: HTTP
	requests    int // in flight
	begun       int // connections and requests since the start
}

// traffic reads the stats of all listeners but the admin interface.
func (c *adminClient) traffic(ctx context.Context) (traffic, error) {
	filter := url.QueryEscape(`^(listener|http)\..*\.downstream_(cx|rq)_(active|total)$`)
	body, err := c.do(ctx, http.MethodGet, "/stats?filter="+filter)
	if err != nil {
		return traffic{}, err
	}
	return parseTraffic(string(body)), nil
}

func parseTraffic(stats string) traffic {
	var t traffic
	lines := bufio.NewScanner(strings.NewReader(stats))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ": ")
		n, err := strconv.Atoi(value)
		if !ok || err != nil || strings.HasPrefix(name, "listener.admin.") || strings.HasPrefix(name, "http.admin.") {
			continue
		}
		isHTTP := strings.HasPrefix(name, "http.")
		switch {
		case strings.HasSuffix(name, "_total"):
			t.begun += n
		case strings.HasSuffix(name, "_rq_active"):
			t.requests += n
		case isHTTP:
			t.http += n
		case !strings.Contains(name, ".worker_"):
			t.connections += n
		}
	}
	return t
}
