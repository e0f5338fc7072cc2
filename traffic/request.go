package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Request is a request as a client sends it, and where to.
type Request struct {
	Method    string   `json:"method"`
	Scheme    string   `json:"scheme"`    // http, or https: the connection uses TLS
	Authority string   `json:"authority"` // the Host header
	Path      string   `json:"path"`      // with the query, as sent
	Headers   []Header `json:"headers,omitempty"`
	Protocol  string   `json:"protocol"` // HTTP1 or HTTP2
	// ServerName is what the client asks for in the TLS handshake (SNI); empty: nothing.
	ServerName string `json:"serverName,omitempty"`
	Client     string `json:"client"` // IP address

	// Where the request is sent to. Of what is empty, all come into question.
	Listener string `json:"listener,omitempty"` // name, such as 0.0.0.0:80
	Gateway  string `json:"gateway,omitempty"`  // namespace/name
	Address  string `json:"address,omitempty"`  // IP address
	Port     uint32 `json:"port,omitempty"`
	// AnyPort is set when the port is only what the scheme implies: where nothing listens on
	// it, another listener that speaks the scheme will do.
	AnyPort bool `json:"anyPort,omitempty"`
}

// The protocols of requests.
const (
	HTTP1 = "HTTP/1.1"
	HTTP2 = "HTTP/2"
)

// unknownClient stands for a client whose address nobody has told (RFC 5737).
const unknownClient = "192.0.2.1"

// Header is a request header. Names are compared without regard to case.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// NewRequest makes the request that curl would send for a URL: its port, or the one that the
// scheme implies; its host as Host header and server name; no fragment; GET and HTTP/1.1.
// A URL without a scheme is http.
func NewRequest(raw string) (Request, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return Request{}, fmt.Errorf("%q: the scheme must be http or https", raw)
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, path := rest, "/"
	// The path is taken as it is: net/url would decode it.
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
		if path[0] == '?' {
			path = "/" + path
		}
	}
	u, err := url.Parse(scheme + "://" + authority)
	if err != nil {
		return Request{}, fmt.Errorf("%q: %w", raw, errors.Unwrap(err))
	}
	if u.Hostname() == "" {
		return Request{}, fmt.Errorf("%q: there is no host", raw)
	}
	r := Request{
		Method: "GET", Scheme: scheme, Authority: u.Host, Path: path, Protocol: HTTP1, Client: unknownClient,
		Port: map[string]uint32{"http": 80, "https": 443}[scheme], AnyPort: u.Port() == "",
	}
	if p := u.Port(); p != "" {
		if _, err := fmt.Sscan(p, &r.Port); err != nil || r.Port == 0 || r.Port > 65535 {
			return Request{}, fmt.Errorf("%q: %s is not a port", raw, p)
		}
		if r.Port == map[string]uint32{"http": 80, "https": 443}[scheme] {
			r.Authority = strings.TrimSuffix(u.Host, ":"+p) // implied, so clients leave it out
		}
	}
	// An IP address is not a server name (RFC 6066).
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		r.Address = ip.Unmap().String()
	} else if scheme == "https" {
		r.ServerName = strings.TrimSuffix(u.Hostname(), ".")
	}
	return r, nil
}

// URL is that of the request, as NewRequest takes it.
func (r *Request) URL() string { return r.Scheme + "://" + r.Authority + r.Path }

// Check says what cannot be sent at all.
func (r *Request) Check() error {
	switch {
	case r.Method == "" || strings.ContainsAny(r.Method, " \r\n"):
		return fmt.Errorf("%q is not a method", r.Method)
	case r.Scheme != "http" && r.Scheme != "https":
		return fmt.Errorf("the scheme %q is neither http nor https", r.Scheme)
	case r.Protocol != HTTP1 && r.Protocol != HTTP2:
		return fmt.Errorf("the protocol %q is neither %s nor %s", r.Protocol, HTTP1, HTTP2)
	case !strings.HasPrefix(r.Path, "/") && r.Path != "*":
		return fmt.Errorf("the path %q does not begin with /", r.Path)
	case strings.ContainsAny(r.Path, " \r\n\t"):
		return fmt.Errorf("the path %q has a blank in it: write %%20", r.Path)
	}
	if _, err := netip.ParseAddr(r.Client); err != nil {
		return fmt.Errorf("the client %q is not an IP address", r.Client)
	}
	for _, h := range r.Headers {
		if h.Name == "" || strings.ContainsAny(h.Name, " \r\n\t:\x00") || strings.ContainsAny(h.Value, "\r\n\x00") {
			return fmt.Errorf("%q is not a header", h.Name+": "+h.Value)
		}
	}
	return nil
}
