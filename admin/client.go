package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// errNotFound means that what was asked about is not known.
var errNotFound = errors.New("not found")

// Client talks to the Server of a running gateway-cp.
type Client struct {
	socket string
	http   http.Client
}

// NewClient builds a client; it connects with the first call.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{
		socket: socket,
		http:   http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// Status asks for the snapshot.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.call(ctx, http.MethodGet, statusPath, &s)
}

// Config asks for what the Envoys of an id shall have; none when no such Envoy is known.
func (c *Client) Config(ctx context.Context, id string) ([]EnvoyConfig, error) {
	var all []EnvoyConfig
	err := c.call(ctx, http.MethodGet, envoysPath+"/"+url.PathEscape(id)+"/config", &all)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	return all, err
}

// ConfigFor asks for what an Envoy would get that has never connected.
func (c *Client) ConfigFor(ctx context.Context, fleet, zone, node string) (EnvoyConfig, error) {
	q := url.Values{"fleet": {fleet}, "zone": {zone}, "node": {node}}
	var config EnvoyConfig
	return config, c.call(ctx, http.MethodGet, configPath+"?"+q.Encode(), &config)
}

// Confirm lets a held source through; ErrNothingHeld when none is held.
func (c *Client) Confirm(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, confirmPath, nil)
}

// call does one request without a body.
func (c *Client) call(ctx context.Context, method, path string, into any) error {
	return c.ask(ctx, method, path, nil, into)
}

// ask does one request, with JSON unless question is nil. Errors name the socket.
func (c *Client) ask(ctx context.Context, method, path string, question, into any) error {
	var body io.Reader
	if question != nil {
		data, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://gateway-cp"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("no gateway-cp answers on %s: %w", c.socket, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusConflict && path == confirmPath:
		return ErrNothingHeld
	case resp.StatusCode == http.StatusConflict:
		var f failure
		_ = json.NewDecoder(resp.Body).Decode(&f)
		return fmt.Errorf("%w%s", ErrRefused, strings.TrimPrefix(f.Error, ErrRefused.Error()))
	case resp.StatusCode == http.StatusUnprocessableEntity:
		var f failure
		_ = json.NewDecoder(resp.Body).Decode(&f)
		return fmt.Errorf("%w%s", ErrQuestion, strings.TrimPrefix(f.Error, ErrQuestion.Error()))
	case resp.StatusCode >= 300:
		var f failure
		_ = json.NewDecoder(resp.Body).Decode(&f)
		if resp.StatusCode == http.StatusNotFound && f.Error != "" {
			return fmt.Errorf("gateway-cp on %s: %w: %s", c.socket, errNotFound, f.Error)
		}
		return fmt.Errorf("gateway-cp on %s: %s: %s", c.socket, resp.Status, f.Error)
	case into == nil:
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("gateway-cp on %s: %w", c.socket, err)
	}
	return nil
}
