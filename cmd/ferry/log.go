package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
)

func logFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "log-format", Value: "auto", Usage: "auto (console on a terminal, else json), json or console", EnvVars: []string{"FERRY_LOG_FORMAT"}},
		&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error", EnvVars: []string{"FERRY_LOG_LEVEL"}},
	}
}

// newLog makes the logger that the two flags ask for. It writes to w's stderr.
func newLog(format, levelName string, w world) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(levelName)
	if err != nil || level < zerolog.DebugLevel || level > zerolog.ErrorLevel {
		return zerolog.Logger{}, cause.Fail(cause.Usage, "", "--log-level: %q is none of debug, info, warn, error", levelName)
	}
	var out io.Writer
	switch {
	case format == "console", format == "auto" && terminal(w.stderr):
		out = zerolog.ConsoleWriter{Out: w.stderr, TimeFormat: time.TimeOnly, NoColor: !terminal(w.stderr)}
	case format == "json", format == "auto":
		out = w.stderr
	default:
		return zerolog.Logger{}, cause.Fail(cause.Usage, "", "--log-format: %q is none of auto, json, console", format)
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}

func terminal(w io.Writer) bool {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
