// Package ftp fetches a file, or the names in a directory, by FTP (RFC 959, RFC 2428), at whose URLs public data sets are still found. It speaks passive mode only,
// and fetches data from the server's own address, wherever the server says it is. It leaves to its caller which addresses may be
// connected to, where the content goes, and whether to try again.
package ftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// A Dialer connects, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// ErrNoFile is the error of a URL that names no file.
var ErrNoFile = errors.New("the URL names no file")

// session is one connection for commands.
type session struct {
	ctx  context.Context
	dial Dialer
	text *textproto.Conn
	host string
}

// Get hands the content of a file to keep, and fails unless it came whole. What the server refuses is a *textproto.Error. It tries
// once.
func Get(ctx context.Context, dial Dialer, u *url.URL, keep func(io.Reader) error) error {
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		return ErrNoFile
	}
	return open(ctx, dial, u, func(f *session) error {
		return f.retrieve("RETR "+name, f.size(name), keep)
	})
}

// List hands the names in a directory to keep, a line each, as the server writes them: some write paths. It tries once.
func List(ctx context.Context, dial Dialer, u *url.URL, keep func(io.Reader) error) error {
	return open(ctx, dial, u, func(f *session) error {
		return f.retrieve("NLST /"+strings.Trim(u.Path, "/"), -1, keep)
	})
}

// open connects, logs in, and hands the session to use.
func open(ctx context.Context, dial Dialer, u *url.URL, use func(*session) error) error {
	user, password := "anonymous", "ferry@"
	if u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	if strings.ContainsAny(u.Path+user+password, "\r\n\x00") {
		return ErrNoFile
	}
	port := u.Port()
	if port == "" {
		port = "21"
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return err
	}
	f := &session{ctx: ctx, dial: dial, text: textproto.NewConn(&control{Conn: conn, left: maxControl}), host: host}
	if err := f.login(user, password); err != nil {
		return err
	}
	return use(f)
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

// ask sends a command and reads the answer, whose code must begin as want does.
func (f *session) ask(want int, format string, args ...any) (int, string, error) {
	if err := f.text.PrintfLine(format, args...); err != nil {
		return 0, "", err
	}
	return f.text.ReadResponse(want)
}

func (f *session) login(user, password string) error {
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

// size is the size of a file; -1 where the server does not say it.
func (f *session) size(name string) int64 {
	if _, msg, err := f.ask(213, "SIZE %s", name); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(msg), 10, 64); err == nil {
			return n
		}
	}
	return -1
}

// retrieve hands what a command brings to keep, and fails unless it came whole.
func (f *session) retrieve(command string, size int64, keep func(io.Reader) error) error {
	data, err := f.passive()
	if err != nil {
		return err
	}
	defer data.Close()
	defer context.AfterFunc(f.ctx, func() { data.Close() })()
	if _, _, err := f.ask(1, "%s", command); err != nil {
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
func (f *session) passive() (net.Conn, error) {
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
	return f.dial(f.ctx, "tcp", net.JoinHostPort(f.host, strconv.Itoa(port)))
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
