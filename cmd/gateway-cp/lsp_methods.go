package main

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/creachadair/jrpc2"

	"github.com/gateway-cp/gateway-cp/findings"
)

// The parts of the protocol that are used, by their names there.
type (
	textPosition struct {
		Line      int `json:"line"`      // from 0
		Character int `json:"character"` // from 0, in units of UTF-16
	}
	textRange struct {
		Start textPosition `json:"start"`
		End   textPosition `json:"end"`
	}
	textDocument struct {
		URI  string `json:"uri"`
		Text string `json:"text,omitempty"`
	}
	documentParams struct {
		TextDocument   textDocument   `json:"textDocument"`
		Position       textPosition   `json:"position"`
		Range          textRange      `json:"range"`
		ContentChanges []textDocument `json:"contentChanges"`
	}
	initializeParams struct {
		RootURI          string         `json:"rootUri"`
		WorkspaceFolders []textDocument `json:"workspaceFolders"`
	}
)

// initialize says what this server can do, and takes the folder that is open.
func (s *languageServer) initialize(_ context.Context, p initializeParams) (any, error) {
	folders := p.WorkspaceFolders
	if len(folders) == 0 && p.RootURI != "" {
		folders = []textDocument{{URI: p.RootURI}}
	}
	if len(s.config.paths) == 0 {
		for _, f := range folders {
			if path, ok := filePath(f.URI); ok {
				s.config.paths = append(s.config.paths, path)
			}
		}
	}
	return map[string]any{
		"serverInfo": map[string]any{"name": "gateway-cp", "version": readBuildInfo().Version},
		"capabilities": map[string]any{
			"textDocumentSync":   map[string]any{"openClose": true, "change": 1, "save": true}, // 1: the whole text
			"hoverProvider":      true,
			"codeActionProvider": map[string]any{"codeActionKinds": []string{"quickfix"}},
		},
	}, nil
}

// changed has everything checked again.
func (s *languageServer) changed(context.Context, *jrpc2.Request) error {
	select {
	case s.dirty <- struct{}{}:
	default: // it will be
	}
	return nil
}

func (s *languageServer) shuttingDown(context.Context, *jrpc2.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutdown = true
	return nil, nil
}

func (s *languageServer) exit(context.Context, *jrpc2.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaving {
		s.leaving = true
		close(s.exited)
	}
	return nil
}

func (s *languageServer) didOpen(ctx context.Context, p documentParams) error {
	return s.edit(ctx, p.TextDocument.URI, p.TextDocument.Text)
}

func (s *languageServer) didChange(ctx context.Context, p documentParams) error {
	if n := len(p.ContentChanges); n > 0 {
		return s.edit(ctx, p.TextDocument.URI, p.ContentChanges[n-1].Text)
	}
	return nil
}

// edit notes the text of a file.
func (s *languageServer) edit(ctx context.Context, uri, text string) error {
	if path, ok := filePath(uri); ok {
		s.mu.Lock()
		s.open[realPath(path)] = openFile{uri: uri, text: text}
		s.mu.Unlock()
	}
	return s.changed(ctx, nil)
}

func (s *languageServer) didClose(ctx context.Context, p documentParams) error {
	if path, ok := filePath(p.TextDocument.URI); ok {
		s.mu.Lock()
		delete(s.open, realPath(path))
		s.mu.Unlock()
	}
	return s.changed(ctx, nil)
}

// hover explains the reasons of the findings in a line.
func (s *languageServer) hover(_ context.Context, p documentParams) (any, error) {
	var text strings.Builder
	for _, f := range s.findingsIn(p.TextDocument.URI, p.Position.Line, p.Position.Line) {
		info, err := findings.Explain(string(f.Reason))
		if err != nil {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\n\n---\n\n")
		}
		text.WriteString("**" + string(info.Reason) + "**: " + info.Means + "\n\n" + info.Do)
		if f.Page != "" {
			text.WriteString("\n\n[An example](" + f.Page + ")")
		}
	}
	if text.Len() == 0 {
		return nil, nil
	}
	return map[string]any{"contents": map[string]any{"kind": "markdown", "value": text.String()}}, nil
}

// codeAction offers comments that silence the findings in some lines.
func (s *languageServer) codeAction(_ context.Context, p documentParams) (any, error) {
	actions := []any{}
	path, ok := filePath(p.TextDocument.URI)
	if !ok || filepath.Ext(path) == ".json" {
		return actions, nil // JSON has no comments
	}
	s.mu.Lock()
	open := s.open[realPath(path)].text
	s.mu.Unlock()
	lines := strings.Split(open, "\n")
	for _, f := range s.findingsIn(p.TextDocument.URI, p.Range.Start.Line, p.Range.End.Line) {
		at := f.Position.Line - 1
		if findings.Lasting(f.Reason) || at >= len(lines) {
			continue
		}
		line := lines[at]
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		begin := textPosition{Line: at}
		actions = append(actions, map[string]any{
			"title": "Silence " + string(f.Reason) + " here",
			"kind":  "quickfix",
			"edit": map[string]any{"changes": map[string]any{p.TextDocument.URI: []any{map[string]any{
				"range": textRange{begin, begin}, "newText": indent + "# gateway-cp:ignore " + string(f.Reason) + " (say why this is fine)\n",
			}}}},
		})
	}
	return actions, nil
}

// findingsIn gives what was found in lines of a file, counted from 0.
func (s *languageServer) findingsIn(uri string, from, to int) []findings.Finding {
	path, ok := filePath(uri)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []findings.Finding
	for file, list := range s.found {
		if file != path && realPath(file) != realPath(path) {
			continue
		}
		for _, f := range list {
			if at := f.Position.Line - 1; at >= from && at <= to {
				found = append(found, f)
			}
		}
	}
	return found
}

// filePath gives the path of a file: URI.
func filePath(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", false
	}
	return filepath.Clean(u.Path), true
}
