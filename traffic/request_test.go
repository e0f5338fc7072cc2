package traffic

import (
	"strings"
	"testing"
)

// A URL means what it means to curl.
func TestNewRequest(t *testing.T) {
	for url, want := range map[string]Request{
		"http://a.com":             {Scheme: "http", Authority: "a.com", Path: "/", Port: 80, AnyPort: true},
		"a.com/x":                  {Scheme: "http", Authority: "a.com", Path: "/x", Port: 80, AnyPort: true},
		"HTTP://a.com?x=1":         {Scheme: "http", Authority: "a.com", Path: "/?x=1", Port: 80, AnyPort: true},
		"http://a.com:80/":         {Scheme: "http", Authority: "a.com", Path: "/", Port: 80},
		"http://a.com:8080/a%2F?b": {Scheme: "http", Authority: "a.com:8080", Path: "/a%2F?b", Port: 8080},
		"https://A.com./a#b":       {Scheme: "https", Authority: "A.com.", Path: "/a", Port: 443, AnyPort: true, ServerName: "A.com"},
		"https://127.0.0.1:8443/":  {Scheme: "https", Authority: "127.0.0.1:8443", Path: "/", Port: 8443, Address: "127.0.0.1"},
		"http://[::1]/":            {Scheme: "http", Authority: "[::1]", Path: "/", Port: 80, AnyPort: true, Address: "::1"},
	} {
		got, err := NewRequest(url)
		want.Method, want.Protocol, want.Client = "GET", HTTP1, unknownClient
		if err != nil || !equalRequests(got, want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", url, got, err, want)
		}
		if err := got.Check(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, want := range map[string]string{"ftp://a/": "must be http or https", "http:///x": "no host", "http://a:0/": "not a port", "http://a:99999/": "not a port", "http://a:x/": "port"} {
		if _, err := NewRequest(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
}

func equalRequests(a, b Request) bool {
	return a.Method == b.Method && a.Scheme == b.Scheme && a.Authority == b.Authority && a.Path == b.Path && a.Protocol == b.Protocol &&
		a.ServerName == b.ServerName && a.Client == b.Client && a.Address == b.Address && a.Port == b.Port && a.AnyPort == b.AnyPort
}
