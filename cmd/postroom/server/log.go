package server

import (
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"postroom/internal/config"
)

// NewLog makes the log that cfg asks for: text on a terminal, else one JSON
// object per line; times in UTC.
func NewLog(cfg *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) == 0 && a.Key == slog.TimeKey:
			a.Value = slog.TimeValue(a.Value.Time().UTC().Truncate(time.Microsecond))
		case a.Value.Kind() == slog.KindDuration: // "1.5s", not nanoseconds
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	text := cfg.LogFormat == "text"
	if f, ok := w.(*os.File); ok && cfg.LogFormat == "auto" {
		text = term.IsTerminal(int(f.Fd()))
	}
	if text {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}
