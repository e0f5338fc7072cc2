package test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// comments is as much of GitHub's API as the action asks: the comments of pull request 7.
type comments struct {
	mu     sync.Mutex
	bodies []string
	posts  int
	refuse bool
}

// refuses has the API refuse to write, from now on or no longer.
func (c *comments) refuses(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = on
}

// posted gives how many comments were written, and the last.
func (c *comments) posted() (int, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.posts, c.bodies[len(c.bodies)-1]
}

func (c *comments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const prefix = "/repos/o/r/issues/"
	var body struct{ Body string }
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	var answer any = map[string]any{"html_url": "https://example.com/7"}
	id, isComment := strings.CutPrefix(r.URL.Path, prefix+"comments/")
	n, err := strconv.Atoi(id)
	switch {
	case r.Header.Get("Authorization") != "Bearer secret" || c.refuse && r.Method != http.MethodGet:
		http.Error(w, "no", http.StatusForbidden)
		return
	case r.Method == http.MethodGet && r.URL.Path == prefix+"7/comments":
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		list := []map[string]any{}
		for i := 100 * (page - 1); i < min(100*page, len(c.bodies)); i++ {
			list = append(list, map[string]any{"id": i, "body": c.bodies[i]})
		}
		answer = list
	case r.Method == http.MethodPost && r.URL.Path == prefix+"7/comments":
		c.bodies = append(c.bodies, body.Body)
		c.posts++
	case r.Method == http.MethodPatch && isComment && err == nil && n < len(c.bodies):
		c.bodies[n] = body.Body
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// What a pull request changes for traffic is told in one comment, also among very many; and in
// none as long as nothing changes.
func TestGitHubActionComments(t *testing.T) {
	r := newRepository(t)
	github := &comments{}
	for range 130 {
		github.bodies = append(github.bodies, "nice")
	}
	server := httptest.NewServer(github)
	t.Cleanup(server.Close)
	base := strings.TrimSpace(r.must("git", "rev-parse", "HEAD"))
	r.write("event.json", `{"pull_request": {"number": 7, "base": {"sha": "`+base+`"}}}`)
	comment := func(token string, more ...string) string {
		t.Helper()
		env := append([]string{"RUNNER_TEMP=" + t.TempDir(), "GITHUB_EVENT_PATH=" + r.dir + "/event.json", "GITHUB_STEP_SUMMARY=",
			"GITHUB_API_URL=" + server.URL, "GITHUB_REPOSITORY=o/r", "GITHUB_TOKEN=" + token, "COMMENT_PATH=manifests"}, more...)
		out, code := r.run(env, filepath.Join(root(t), "deploy/ci/comment"))
		if code != 0 {
			t.Fatalf("exit code %d:\n%s", code, out)
		}
		return out
	}
	expect(t, "log", comment("secret"), "nothing changes for traffic: no comment")
	r.write("manifests/good.yaml", strings.ReplaceAll(goodManifest, "name: good", "name: better"))
	expect(t, "log", comment("secret", "CHECK_EXCLUDE=nothing\ngood.*"), "nothing changes for traffic: no comment")
	expect(t, "log", comment("wrong"), "::warning title=gateway-cp::", "403")
	github.refuses(true)
	expect(t, "log", comment("secret"), "::warning title=gateway-cp::", "pull-requests: write")
	github.refuses(false)
	if n, _ := github.posted(); n != 0 {
		t.Fatalf("%d comments", n)
	}
	expect(t, "log", comment("secret"), "https://example.com/7")
	_, last := github.posted()
	expect(t, "comment", last, "<!-- gateway-cp diff ", "### What changes for traffic", "better")
	r.write("manifests/good.yaml", goodManifest)
	comment("secret")
	if n, last := github.posted(); n != 1 || strings.Contains(last, "better") {
		t.Errorf("%d comments, the last says:\n%s", n, last)
	}
	expect(t, "log", comment("secret", "COMMENT_PATH=nowhere"), "::warning title=gateway-cp::", "exit code")
	r.write("event.json", `{"ref": "refs/heads/main"}`)
	expect(t, "log", comment("secret"), "not a pull request")
}
