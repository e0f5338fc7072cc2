package supervise

import (
	"log/slog"
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
	return level, fields[1], fields[2]
}
