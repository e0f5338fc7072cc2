package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// logConfig says how to log.
type logConfig struct {
	Level  string
	Format string
}

// addLogFlags adds the flags about logging.
func addLogFlags(cmd *cobra.Command, c *logConfig) {
	enumFlag(cmd, &c.Level, "log-level", "", "log this and what is worse", "info", "debug", "warn", "error")
	enumFlag(cmd, &c.Format, "log-format", "", "log lines for people or for machines", "text", "json")
}

// newLogger builds the logger.
func newLogger(c logConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the flag takes known words only
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
