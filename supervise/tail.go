package supervise

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// logFormat is Envoy's log line: level, logger and message, for parseLine. Line breaks in
// messages are escaped, and so would be a tab here.
const logFormat = "%l" + separator + "%n" + separator + "%v"

const separator = "|"

// maxLog is the size, in bytes, at which the log file is emptied; what it held has been
// passed on by then.
const maxLog = 8 << 20

// tail passes on what Envoy writes into its log file.
type tail struct {
	path string
	log  *slog.Logger
}

func newTail(dir string, log *slog.Logger) *tail {
	return &tail{path: filepath.Join(dir, "envoy.log"), log: log.With("from", "envoy")}
}

// run follows the file from where it ends now until ctx ends, and then reads the rest.
func (t *tail) run(ctx context.Context) {
	offset := int64(0)
	if info, err := os.Stat(t.path); err == nil {
		offset = info.Size()
	}
	var rest []byte
	every := time.NewTicker(pollInterval)
	defer every.Stop()
	for {
		ended := ctx.Err() != nil
		more, err := readFrom(t.path, offset)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.log.Warn("the log of Envoy cannot be read", "file", t.path, "error", err)
		}
		offset += int64(len(more))
		rest = t.pass(append(rest, more...))
		if offset > maxLog {
			if os.Truncate(t.path, 0) == nil { // it is written to at its end, wherever that is
				offset = 0
			}
		}
		if ended {
			return
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
}

// readFrom reads what comes after an offset.
func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxLog))
}

// pass logs the whole lines and gives back what is left.
func (t *tail) pass(data []byte) []byte {
	for {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return bytes.Clone(data)
		}
		if len(line) > 0 {
			level, logger, message := parseLine(string(line))
			t.log.Log(context.Background(), level, message, "logger", logger)
		}
		data = rest
	}
}

// lastError gives the newest complaint in the file, which may not have been passed on yet.
func (t *tail) lastError() string {
	info, err := os.Stat(t.path)
	if err != nil {
		return ""
	}
	data, err := readFrom(t.path, max(0, info.Size()-lastErrorWithin))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range slices.Backward(lines) {
		if level, _, message := parseLine(line); level == slog.LevelError {
			return strings.TrimSpace(message)
		}
	}
	return ""
}

// lastErrorWithin is how many bytes at the end of the file are looked through for a complaint.
const lastErrorWithin = 64 << 10
