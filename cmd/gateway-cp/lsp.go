package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"
	"github.com/spf13/cobra"

	"github.com/gateway-cp/gateway-cp/findings"
)

func newLSPCommand() *cobra.Command {
	s := &languageServer{open: map[string]openFile{}, dirty: make(chan struct{}, 1), exited: make(chan struct{})}
	s.config.report.severities = findings.Severities{}
	cmd := &cobra.Command{
		Use:   "lsp [PATH...]",
		Short: "Tell an editor what validate finds, while typing",
		Long: `Lsp is a language server (https://microsoft.github.io/language-server-protocol), for an editor to start:
it speaks on standard input and output. It checks the manifests at PATH, or in the folder that the
editor has open, together, as validate does and with what is typed but not saved; shows what the
reason of a finding means; and offers comments that silence one.`,
		Example: `  gateway-cp lsp manifests`,
		Args: func(_ *cobra.Command, args []string) error {
			for _, path := range args {
				if _, err := os.Stat(path); err != nil {
					return usagef("%s: %w", path, unwrapPath(err))
				}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, path := range args {
				path, err := filepath.Abs(path)
				if err != nil {
					return cannotf("%w", err)
				}
				s.config.paths = append(s.config.paths, path)
			}
			s.cmd = cmd
			return s.serve(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	s.config.schemas.register(cmd)
	s.config.exclude.register(cmd)
	cmd.Flags().Var(severitiesFlag{s.config.report.severities}, "severity", "how bad a reason is, as with validate")
	_ = cmd.RegisterFlagCompletionFunc("severity", completeSeverity)
	return cmd
}

// typingPause is how long nothing must be typed before everything is checked again. Where that
// takes longer, it is as long as that.
const typingPause = 150 * time.Millisecond

// languageServer checks one set of manifests for one editor.
type languageServer struct {
	cmd    *cobra.Command
	config validateConfig
	rpc    *jrpc2.Server
	dirty  chan struct{} // something has changed since the last check began
	exited chan struct{} // closed when the editor has said so

	mu       sync.Mutex
	open     map[string]openFile           // by real path
	found    map[string][]findings.Finding // of the last check, by file
	told     map[string]string             // the URIs of files that have diagnostics, by file
	shutdown bool
	leaving  bool
}

// openFile is a text in the editor.
type openFile struct{ uri, text string }

// serve answers until the editor says exit, or goes away.
func (s *languageServer) serve(in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(s.cmd.Context())
	defer cancel()
	s.rpc = jrpc2.NewServer(handler.Map{
		"initialize":                       handler.New(s.initialize),
		"initialized":                      handler.New(s.changed),
		"shutdown":                         handler.New(s.shuttingDown),
		"exit":                             handler.New(s.exit),
		"textDocument/didOpen":             handler.New(s.didOpen),
		"textDocument/didChange":           handler.New(s.didChange),
		"textDocument/didClose":            handler.New(s.didClose),
		"textDocument/didSave":             handler.New(s.changed),
		"workspace/didChangeWatchedFiles":  handler.New(s.changed),
		"workspace/didChangeConfiguration": handler.New(s.changed),
		"textDocument/hover":               handler.New(s.hover),
		"textDocument/codeAction":          handler.New(s.codeAction),
	}, &jrpc2.ServerOptions{AllowPush: true, DisableBuiltin: true})
	s.rpc.Start(channel.LSP(in, nopCloser{out}))
	var checks sync.WaitGroup
	checks.Go(func() { s.check(ctx) })
	// After exit, the reader goes on waiting for input, which editors close later, or never.
	gone := make(chan error, 1)
	go func() { gone <- s.rpc.Wait() }()
	var err error
	select {
	case err = <-gone:
	case <-s.exited:
	}
	cancel()
	checks.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		return cannotf("%w", err)
	case !s.shutdown:
		return errProblems // as the protocol has it: exit without shutdown
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// check checks whenever something has changed.
func (s *languageServer) check(ctx context.Context) {
	pause := typingPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
		}
		for quiet := false; !quiet; {
			select {
			case <-ctx.Done():
				return
			case <-s.dirty:
			case <-time.After(pause):
				quiet = true
			}
		}
		began := time.Now()
		if err := s.checkOnce(ctx); err != nil && ctx.Err() == nil {
			_ = s.rpc.Notify(ctx, "window/logMessage", map[string]any{"type": 1, "message": "gateway-cp: " + err.Error()})
		}
		pause = max(typingPause, time.Since(began))
	}
}

// checkOnce runs validate over the files and what is in the editor, and tells what it finds.
func (s *languageServer) checkOnce(ctx context.Context) error {
	c := s.config
	s.mu.Lock()
	c.edited = make(map[string][]byte, len(s.open))
	for path, file := range s.open {
		c.edited[path] = append([]byte{}, file.text...)
	}
	s.mu.Unlock()
	if len(c.paths) == 0 {
		return errors.New("no folder is open, and no PATH was given")
	}
	v, err := validate(s.cmd, &c, startProgress(io.Discard))
	if err != nil {
		return err
	}
	report, err := v.report(s.cmd, &c)
	if err != nil {
		return err
	}
	return s.publish(ctx, v, report)
}

// publish tells the findings of each file, and of files that had some that there are none.
func (s *languageServer) publish(ctx context.Context, v *validation, report *findings.Report) error {
	found := make(map[string][]findings.Finding)
	for _, f := range report.Findings {
		if f.Position.File != "" {
			found[f.Position.File] = append(found[f.Position.File], f)
		}
	}
	uris := make(map[string]string, len(found))
	for file := range found {
		uris[file] = s.uri(file)
	}
	s.mu.Lock()
	gone := s.told
	s.found, s.told = found, uris
	s.mu.Unlock()
	for file, list := range found {
		lines := newLineReader(v, file)
		diagnostics := make([]diagnostic, 0, len(list))
		for i := range list {
			diagnostics = append(diagnostics, s.diagnostic(&list[i], lines))
		}
		if err := s.tell(ctx, uris[file], diagnostics); err != nil {
			return err
		}
	}
	for file, uri := range gone {
		if _, still := found[file]; !still {
			if err := s.tell(ctx, uri, []diagnostic{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *languageServer) tell(ctx context.Context, uri string, list []diagnostic) error {
	return s.rpc.Notify(ctx, "textDocument/publishDiagnostics", map[string]any{"uri": uri, "diagnostics": list})
}

// uri gives the URI of a file: that which the editor uses, if it has the file open.
func (s *languageServer) uri(file string) string {
	real := realPath(file)
	s.mu.Lock()
	defer s.mu.Unlock()
	if open, ok := s.open[real]; ok {
		return open.uri
	}
	return (&url.URL{Scheme: "file", Path: file}).String()
}

// realPath gives a path without symbolic links, or as it is when there is no such file.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
