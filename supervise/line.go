package supervise

import (
	"log/slog"
	"strconv"
	"strings"
)

// parseLine takes a line of Envoy's log apart. What is not in logFormat, such as a
// complaint about the command line, comes before logging works, and is an error.
func parseLine(line string) (level slog.Level, logger, message string) {
	fields := strings.SplitN(line, separator, 3)
	if len(fields) < 3 {
		return slog.LevelError, "stderr", line
	}
	switch fields[0] {
	case "trace", "debug":
		level = slog.LevelDebug
	case "info":
		level = slog.LevelInfo
	case "warning":
		level = slog.LevelWarn
	case "error", "critical":
		level = slog.LevelError
	default:
		return slog.LevelError, "stderr", line
	}
	return level, fields[1], unescape(fields[2])
}

// unescape undoes --log-format-escaped, which writes a message as a string of C: whoever logs
// it on escapes it in a way of his own.
func unescape(message string) string {
	if !strings.Contains(message, `\`) {
		return message
	}
	var b strings.Builder
	for rest := message; rest != ""; {
		// Nothing needs a quote to stand for itself, so either may follow a backslash.
		quote := byte('"')
		if strings.HasPrefix(rest, `\'`) {
			quote = '\''
		}
		r, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		switch {
		case err != nil: // no escape, such as a plain quote
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		case multibyte:
			b.WriteRune(r)
		default:
			b.WriteByte(byte(r))
		}
		rest = tail
	}
	return b.String()
}
