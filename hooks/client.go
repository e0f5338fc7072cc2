package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mostRead bounds what is read of an answer, in bytes.
const mostRead = 64 << 10

// Address says where a request goes, and what it is signed with.
type Address struct {
	URL string
	// Key is the key of the signature; empty: there is none. One that begins with whsec_ is in base64, as Standard
	// Webhooks writes it.
	Key []byte
}

// message is a request to somebody.
type message struct {
	id     string // webhook-id: the same for every attempt
	header http.Header
	body   []byte
}

// reply is what came back.
type reply struct {
	status int
	body   []byte
	after  time.Duration // Retry-After
}

// client is what all requests are made with: they follow no redirects, since an answer counts only where it was asked for,
// and use a proxy where the environment names one.
var client = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 20, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	},
}

// post makes one request. The error says nothing of the address, which may be a secret.
func post(ctx context.Context, to Address, m message, now time.Time) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(m.body))
	if err != nil {
		return reply{}, errors.New("its address is not that of an HTTP service")
	}
	for name, values := range m.header {
		request.Header[name] = values
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("User-Agent", "gateway-cp")
	timestamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Webhook-Id", m.id)
	request.Header.Set("Webhook-Timestamp", timestamp)
	if len(to.Key) > 0 {
		signature, err := sign(to.Key, m.id, timestamp, m.body)
		if err != nil {
			return reply{}, err
		}
		request.Header.Set("Webhook-Signature", signature)
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, plain(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostRead))
	if err != nil {
		return reply{}, plain(err)
	}
	return reply{status: response.StatusCode, body: body, after: retryAfter(response.Header.Get("Retry-After"), now)}, nil
}

// sign gives the header webhook-signature of Standard Webhooks 1.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
func sign(key []byte, id, timestamp string, body []byte) (string, error) {
	if text, coded := strings.CutPrefix(strings.TrimSpace(string(key)), "whsec_"); coded {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return "", errors.New("its signing key begins with whsec_ and goes on with what is not base64")
		}
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// plain leaves out of an error where the request went.
func plain(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		if of.Timeout() {
			return errors.New("no answer in time")
		}
		err = of.Err
	}
	var op *net.OpError
	if errors.As(err, &op) { // it has the address, too
		err = op.Err
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return errors.New("its host is not known")
	}
	return err
}

// retryAfter reads seconds or a date; what is neither is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return min(time.Duration(seconds), 1<<20) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
