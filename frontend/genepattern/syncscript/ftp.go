package syncscript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"time"
	"unicode"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/ftp"
)

// fetchFTP fetches the URL by FTP, see fetch.
func (w *wget) fetchFTP(ctx context.Context, t *task, idle *time.Timer) (again bool, err error) {
	err = ftp.Get(ctx, t.dial, w.url, func(data io.Reader) error { return w.keep(t, &watched{data, idle, w.timeout}, -1) })
	var refused *textproto.Error
	switch {
	case errors.Is(err, ftp.ErrNoFile):
		return false, err
	case errors.As(err, &refused):
		return refused.Code < 500, fmt.Errorf("the server answers %d %s", refused.Code, oneLine(refused.Msg))
	}
	return !errors.Is(err, egress.ErrForbidden) && cause.Of(err) != cause.Disk, because(ctx, err)
}

// oneLine is what a server says, for a message: the first 200 bytes, and nothing that a terminal obeys.
func oneLine(said string) string {
	said = strings.TrimSpace(said)
	return printable(strings.ToValidUTF8(said[:min(len(said), 200)], "?"))
}

// printable has a "?" in place of each control character but tabs and newlines.
func printable(said string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && r != '\n' && unicode.IsControl(r) {
			return '?'
		}
		return r
	}, said)
}
