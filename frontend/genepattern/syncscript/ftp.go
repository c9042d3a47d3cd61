package syncscript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
)

// ftp is one connection to an FTP server (RFC 959, RFC 2428). Public data sets are still found at such URLs. Only passive
// mode is spoken, and data is fetched from the server's own address, wherever it says.
type ftp struct {
	ctx  context.Context
	t    *task
	text *textproto.Conn
	host string
}

// fetchFTP fetches the URL by FTP, see fetch.
func (w *wget) fetchFTP(ctx context.Context, t *task, idle *time.Timer) (again bool, err error) {
	name := strings.TrimPrefix(w.url.Path, "/")
	user, password := "anonymous", "ferry@"
	if w.url.User != nil {
		user = w.url.User.Username()
		password, _ = w.url.User.Password()
	}
	if strings.ContainsAny(name+user+password, "\r\n\x00") || name == "" {
		return false, errors.New("the URL names no file")
	}
	port := w.url.Port()
	if port == "" {
		port = "21"
	}
	conn, err := t.dial(ctx, "tcp", net.JoinHostPort(w.url.Hostname(), port))
	if err != nil {
		return !errors.Is(err, egress.ErrForbidden), because(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return false, err
	}
	f := &ftp{ctx: ctx, t: t, text: textproto.NewConn(&control{Conn: conn, left: maxControl}), host: host}
	err = f.login(user, password)
	if err == nil {
		err = f.retrieve(name, func(data io.Reader) error { return w.keep(t, &watched{data, idle, w.timeout}, -1) })
	}
	var refused *textproto.Error
	if errors.As(err, &refused) {
		return refused.Code < 500, fmt.Errorf("the server answers %d %s", refused.Code, oneLine(refused.Msg))
	}
	return cause.Of(err) != cause.Disk, because(ctx, err)
}

// maxControl bounds all answers of a server, in bytes. A session has some ten lines, and a welcome.
const maxControl = 256 << 10

// control is the connection for commands. It reads no more than is left: a line may have no end.
type control struct {
	net.Conn
	left int
}

func (c *control) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("the server's answers are longer than %d bytes", maxControl)
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
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

// ask sends a command and reads the answer, whose code must begin as want does.
func (f *ftp) ask(want int, format string, args ...any) (int, string, error) {
	if err := f.text.PrintfLine(format, args...); err != nil {
		return 0, "", err
	}
	return f.text.ReadResponse(want)
}

func (f *ftp) login(user, password string) error {
	if _, _, err := f.text.ReadResponse(2); err != nil {
		return err
	}
	if err := f.text.PrintfLine("USER %s", user); err != nil {
		return err
	}
	code, msg, err := f.text.ReadCodeLine(0)
	switch {
	case err != nil && code == 0:
		return err
	case code == 331:
		_, _, err = f.ask(2, "PASS %s", password)
	case code != 230:
		err = &textproto.Error{Code: code, Msg: msg}
	default:
		err = nil
	}
	if err == nil {
		_, _, err = f.ask(2, "TYPE I")
	}
	return err
}

// retrieve hands the file's content to keep, and fails unless it came whole.
func (f *ftp) retrieve(name string, keep func(io.Reader) error) error {
	size := int64(-1)
	if _, msg, err := f.ask(213, "SIZE %s", name); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(msg), 10, 64); err == nil {
			size = n
		}
	}
	data, err := f.passive()
	if err != nil {
		return err
	}
	defer data.Close()
	defer context.AfterFunc(f.ctx, func() { data.Close() })()
	if _, _, err := f.ask(1, "RETR %s", name); err != nil {
		return err
	}
	return keep(&whole{r: data, left: size, end: func() error {
		data.Close()
		_, _, err := f.text.ReadResponse(2)
		return err
	}})
}

var (
	extendedPort = regexp.MustCompile(`\(\|\|\|(\d{1,5})\|\)`)
	oldPort      = regexp.MustCompile(`\(?\d+,\d+,\d+,\d+,(\d{1,3}),(\d{1,3})\)?`)
)

// passive opens the connection for data.
func (f *ftp) passive() (net.Conn, error) {
	var port int
	if _, msg, err := f.ask(229, "EPSV"); err == nil {
		if m := extendedPort.FindStringSubmatch(msg); m != nil {
			port, _ = strconv.Atoi(m[1])
		}
	}
	if port == 0 {
		_, msg, err := f.ask(227, "PASV")
		if err != nil {
			return nil, err
		}
		if m := oldPort.FindStringSubmatch(msg); m != nil {
			hi, _ := strconv.Atoi(m[1])
			lo, _ := strconv.Atoi(m[2])
			port = hi<<8 | lo
		}
	}
	if port < 1024 || port > 65535 {
		return nil, fmt.Errorf("the server offers port %d for data", port)
	}
	return f.t.dial(f.ctx, "tcp", net.JoinHostPort(f.host, strconv.Itoa(port)))
}

// whole reads to the end, which must be where the size says it is and where the server says it is.
type whole struct {
	r    io.Reader
	left int64 // negative where the size is not known
	end  func() error
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	known := w.left >= 0
	if w.left -= int64(n); known && w.left < 0 {
		return n, errors.New("more came than the server announced")
	}
	if err == io.EOF {
		if known && w.left > 0 {
			return n, io.ErrUnexpectedEOF
		}
		if e := w.end(); e != nil {
			return n, e
		}
	}
	if !known {
		w.left = -1
	}
	return n, err
}
