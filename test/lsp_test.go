package test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// published is what the language server tells of a file.
type published struct {
	URI         string `json:"uri"`
	Diagnostics []struct {
		Range struct {
			Start, End struct{ Line, Character int }
		} `json:"range"`
		Severity int    `json:"severity"`
		Code     string `json:"code"`
		Message  string `json:"message"`
	} `json:"diagnostics"`
}

// editor is one that has started gateway-cp lsp.
type editor struct {
	*testing.T
	*jrpc2.Client
	told chan published
}

func newEditor(t *testing.T, dir string) *editor {
	t.Helper()
	e := harness.New(t)
	cmd := exec.Command(e.Binary(), "lsp")
	cmd.Dir, cmd.Stderr, cmd.Env = dir, os.Stderr, append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ed := &editor{T: t, told: make(chan published, 100)}
	ed.Client = jrpc2.NewClient(channel.LSP(out, in), &jrpc2.ClientOptions{OnNotify: func(r *jrpc2.Request) {
		var p published
		if r.Method() != "textDocument/publishDiagnostics" || r.UnmarshalParams(&p) != nil {
			t.Errorf("%s: %s", r.Method(), r.ParamString())
			return
		}
		ed.told <- p
	}})
	t.Cleanup(func() {
		ed.call("shutdown", nil)
		ed.notify("exit", nil)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("after shutdown and exit: %v", err)
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("it does not end")
		}
		_ = ed.Close()
	})
	return ed
}

func (e *editor) call(method string, params any) string {
	e.Helper()
	r, err := e.Call(e.Context(), method, params)
	if err != nil {
		// The context of a test has ended when its cleanups run.
		if r, err = e.Call(context.Background(), method, params); err != nil {
			e.Fatalf("%s: %v", method, err)
		}
	}
	return r.ResultString()
}

func (e *editor) notify(method string, params any) {
	e.Helper()
	if err := e.Notify(context.Background(), method, params); err != nil {
		e.Errorf("%s: %v", method, err)
	}
}

// await waits until a file has so many diagnostics.
func (e *editor) await(uri string, count int) published {
	e.Helper()
	for deadline := time.After(60 * time.Second); ; {
		select {
		case p := <-e.told:
			if p.URI == uri && len(p.Diagnostics) == count {
				return p
			}
		case <-deadline:
			e.Fatalf("%s never has %d diagnostics", uri, count)
		}
	}
}

// An editor is told what validate finds in the whole folder, with what is typed and not saved.
func TestLanguageServer(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + filepath.Join(dir, name)
	}
	good, bad := write("good.yaml", goodManifest), write("bad.yaml", badManifest)
	e := newEditor(t, t.TempDir())
	expect(t, "capabilities", e.call("initialize", map[string]any{"rootUri": "file://" + dir, "capabilities": map[string]any{}}), `"hoverProvider":true`)
	e.notify("initialized", map[string]any{})

	// A file that is not open is checked as well.
	d := e.await(bad, 1).Diagnostics[0]
	if d.Code != "UnknownField" || d.Severity != 1 || d.Range.Start.Line != 4 || d.Range.Start.Character != 2 || d.Range.End.Character != 10 {
		t.Errorf("%+v", d)
	}
	expect(t, "message", d.Message, "selecter", "selector")
	at := map[string]any{"textDocument": map[string]any{"uri": bad}, "position": d.Range.Start}
	e.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": bad, "text": badManifest}})
	expect(t, "hover", e.call("textDocument/hover", map[string]any{"textDocument": at["textDocument"], "position": map[string]any{"line": 4, "character": 5}}), "**UnknownField**", "docs/problems/UnknownField.md")
	if got := e.call("textDocument/hover", map[string]any{"textDocument": at["textDocument"], "position": map[string]any{"line": 0, "character": 0}}); got != "null" {
		t.Errorf("hover over nothing: %s", got)
	}

	// The comment that is offered silences the finding; the disk does not know of it.
	span := map[string]any{"start": map[string]any{"line": 4, "character": 2}, "end": map[string]any{"line": 4, "character": 2}}
	answer := e.call("textDocument/codeAction", map[string]any{"textDocument": at["textDocument"], "range": span})
	var actions []struct {
		Edit struct {
			Changes map[string][]struct{ NewText string }
		}
	}
	if err := json.Unmarshal([]byte(answer), &actions); err != nil || len(actions) != 1 || len(actions[0].Edit.Changes[bad]) != 1 {
		t.Fatalf("%v %s", err, answer)
	}
	change := func(uri, text string) {
		e.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri}, "contentChanges": []any{map[string]any{"text": text}}})
	}
	change(bad, strings.Replace(badManifest, "  selecter", actions[0].Edit.Changes[bad][0].NewText+"  selecter", 1))
	e.await(bad, 0)

	// Columns are those of UTF-16.
	change(bad, strings.Replace(badManifest, "  selecter: {app: web}", `  selector: {"😀": 1, x: y}`, 1))
	for _, d := range e.await(bad, 2).Diagnostics {
		if d.Range.Start.Line != 4 || d.Range.End.Character > len([]rune(`  selector: {"😀": 1, x: y}`))+1 {
			t.Errorf("%+v", d)
		}
	}
	// What one file says breaks another.
	change(bad, strings.Split(goodManifest, "---")[0])
	expect(t, "message", e.await(good, 1).Diagnostics[0].Message, "bad.yaml")
	e.notify("textDocument/didClose", at)
	e.await(bad, 1)
}
