package traffic

import (
	"strings"
	"testing"
)

// What Envoy 1.40 makes of these paths was asked of it; TestExplainAgreesWithEnvoy asks again,
// for those and others.
func TestPathsAreNormalizedAsByEnvoy(t *testing.T) {
	for path, want := range map[string]string{
		"/":                      "/",
		"//":                     "//",
		"///":                    "//",
		"//a":                    "/a",
		"/a//":                   "/a/",
		"/a//b":                  "/a/b",
		"/./a":                   "/a",
		"/a/.":                   "/a/",
		"/a/..":                  "/",
		"/..":                    "/",
		"/../a":                  "/a",
		"/a/../b":                "/b",
		"/a/%2e%2E/b":            "/b",
		"/a/.%2e/b":              "/b",
		"/a/b//../c":             "/a/b/c",
		"/a/b/%2e%2e/%2e%2e/c/":  "/c/",
		"/a/...":                 "/a/...",
		"/a/..b":                 "/a/..b",
		"/a/%2e%2e%2e/b":         "/a/.../b",
		`/a\b`:                   "/a/b",
		`/a\..\b`:                "/b",
		"/x%2Dy%41%7e%5f":        "/x-yA~_",
		"/x%c3%a9":               "/x%c3%a9",
		"/a|b{c}^`\"<>":          "/a%7Cb%7Bc%7D%5E%60%22%3C%3E",
		"/%":                     "/%",
		"/%2":                    "/%2",
		"/%zz":                   "/%zz",
		"/a%252fb":               "/a%252fb",
		"/a/..?q=/../x%41//":     "/?q=/../x%41//",
		"/a;b=c":                 "/a;b=c",
		"/a;../b":                "/a;../b",
		"/a/b/..;x/c":            "/a/c",
		"/a/.;x":                 "/a/",
		"/a/b/..;a\\c":           "/a/",
		"/a/...;x/c":             "/a/...;x/c",
		"/a/b/%2e%2e;x/c":        "/a/b/..;x/c",
		"/%4%61":                 "/%254a",
		"/abc%/../%61":           "/a",
		"/%%34a":                 "/%254a",
		"/%%34%31":               "/%2541",
		"/%%34":                  "/%4",
		"/%%2e":                  "/%.",
		"/a%20b+[]!$&'()*,:=@-~": "/a%20b+[]!$&'()*,:=@-~",
	} {
		got, ok := canonicalPath(path)
		if got = mergeSlashes(got); !ok || got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
	}
	if _, ok := canonicalPath("/a%00b"); ok {
		t.Error("a NUL is let through")
	}
	if got := unescapeSlashes(`/a%2fb%5Cc%2F?x=%2F`); got != `/a/b\c/?x=%2F` {
		t.Errorf("got %s", got)
	}
}

// A path that was normalised stays as it is, but for what Envoy itself changes a second time.
func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"/a/../b", "/%2e%2e/", `\.\..`, "/a//%", "/a?/../"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		once, ok := canonicalPath("/" + path)
		if !ok {
			return
		}
		again, ok := canonicalPath(once)
		// An escape can appear when one within it is resolved, as in %%34%31; and parameters are
		// taken off dots before backslashes become slashes (TestDotParametersAfterBackslashes).
		if strings.Contains(path, "%") || strings.Contains(path, `\`) && strings.Contains(path, ".;") {
			return
		}
		if !ok || again != once || !strings.HasPrefix(once, "/") {
			t.Errorf("%q becomes %q, and that %q (%t)", path, once, again, ok)
		}
	})
}

// What Envoy 1.40 makes of these: the parameters of dots after a backslash stay.
func TestDotParametersAfterBackslashes(t *testing.T) {
	for path, want := range map[string]string{
		`/\.0\.;`:     "//.0/.;",
		"//.0/.;":     "//.0/",
		`/a/b\..;/c`:  "/a/b/..;/c",
		"/a/b/..;/c":  "/a/c",
		`/a\.;x`:      "/a/.;x",
		"/a/.;x":      "/a/",
		`/a/b/..;y\c`: "/a/",
		`/.;\x`:       "/",
	} {
		if got, ok := canonicalPath(path); !ok || got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	for host, want := range map[string]string{"a.com": "a.com", "a.com.": "a.com", "a.com.:80": "a.com:80", "a..": "a.", "a": "a", "[::1]:80": "[::1]:80"} {
		if got := stripHostDot(host); got != want {
			t.Errorf("%s becomes %s, want %s", host, got, want)
		}
	}
	for host, want := range map[string]string{"a.com": "a.com", "a.com:80": "a.com", "[::1]:80": "[::1]", "[::1]": "[::1]", "a:": "a"} {
		if got := withoutPort(host); got != want {
			t.Errorf("%s without its port is %s, want %s", host, got, want)
		}
	}
}
