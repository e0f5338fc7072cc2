package supervise

import (
	"log/slog"
	"testing"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]struct {
		level           slog.Level
		logger, message string
	}{
		"info|main|starting main dispatch loop":               {slog.LevelInfo, "main", "starting main dispatch loop"},
		"warning|config|a|b":                                  {slog.LevelWarn, "config", "a|b"},
		"critical|assert|x":                                   {slog.LevelError, "assert", "x"},
		`warning|config|\'a\' \"b\"\n c\\d "e" \303\274 ü \q`: {slog.LevelWarn, "config", "'a' \"b\"\n c\\d \"e\" ü ü \\q"},
		"trace|http|x":                                        {slog.LevelDebug, "http", "x"},
		"PARSE ERROR: Argument: --nonsense":                   {slog.LevelError, "stderr", "PARSE ERROR: Argument: --nonsense"},
		"what|is|this":                                        {slog.LevelError, "stderr", "what|is|this"},
	} {
		level, logger, message := parseLine(line)
		if level != want.level || logger != want.logger || message != want.message {
			t.Errorf("%q: got %v %q %q, want %v", line, level, logger, message, want)
		}
	}
}

// The admin interface is not a client, and a listener's workers are in its sum already.
func TestParseTraffic(t *testing.T) {
	got := parseTraffic(`http.admin.downstream_cx_active: 1
http.admin.downstream_rq_total: 9
http.web.downstream_cx_active: 2
http.web.downstream_cx_total: 20
http.web.downstream_rq_active: 1
http.web.downstream_rq_total: 100
listener.127.0.0.1_80.downstream_cx_active: 3
listener.127.0.0.1_80.downstream_cx_total: 21
listener.127.0.0.1_80.worker_0.downstream_cx_active: 3
listener.admin.downstream_cx_active: 1
`)
	if want := (traffic{connections: 3, http: 2, requests: 1, begun: 141}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
