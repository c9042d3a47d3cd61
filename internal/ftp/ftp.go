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
	"time"
)

// A Dialer connects, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// ErrNoFile is the error of a URL that names no file.
var ErrNoFile = errors.New("the URL names no file")

// session is one connection for commands, and what closes it.
type session struct {
	ctx  context.Context
	dial Dialer
	text *textproto.Conn
	host string
	ends []func()
}

// Get hands the content of a file to keep, and fails unless it came whole. What the server refuses is a *textproto.Error. It tries
// once.
func Get(ctx context.Context, dial Dialer, u *url.URL, keep func(io.Reader) error) error {
	f, err := Open(ctx, dial, u, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // keep has seen its end, or does not care
	return keep(f)
}

// List hands the names in a directory to keep, a line each, as the server writes them: some write paths. It tries once.
func List(ctx context.Context, dial Dialer, u *url.URL, keep func(io.Reader) error) error {
	s, err := connect(ctx, dial, u)
	if err != nil {
		return err
	}
	defer s.close()
	data, err := s.retrieve("NLST /"+strings.Trim(u.Path, "/"), 0, -1)
	if err != nil {
		return err
	}
	return keep(data)
}

// A File is being read, by one goroutine. Its end is io.EOF only where it came whole. Close also ends the session.
type File struct {
	Size    int64     // of the whole file in bytes; -1 where the server does not say it
	ModTime time.Time // zero where the server does not say it
	session *session
	data    io.Reader
}

func (f *File) Read(p []byte) (int, error) { return f.data.Read(p) }

// Close implements io.Closer.
func (f *File) Close() error {
	f.session.close()
	return nil
}

// Open begins to read a file from the byte off on. What the server refuses is a *textproto.Error. It tries once. The end of ctx ends the
// reading.
func Open(ctx context.Context, dial Dialer, u *url.URL, off int64) (*File, error) {
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		return nil, ErrNoFile
	}
	s, err := connect(ctx, dial, u)
	if err != nil {
		return nil, err
	}
	f := &File{session: s, Size: s.size(name)}
	if f.Size >= 0 { // a server without SIZE has no MDTM
		f.ModTime = s.modTime(name)
	}
	left := int64(-1)
	if f.Size >= 0 {
		left = max(0, f.Size-off)
	}
	if f.data, err = s.retrieve("RETR "+name, off, left); err != nil {
		s.close()
		return nil, err
	}
	return f, nil
}

// connect connects and logs in.
func connect(ctx context.Context, dial Dialer, u *url.URL) (*session, error) {
	user, password := "anonymous", "ferry@"
	if u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	if strings.ContainsAny(u.Path+user+password, "\r\n\x00") {
		return nil, ErrNoFile
	}
	port := u.Port()
	if port == "" {
		port = "21"
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	f := &session{ctx: ctx, dial: dial, text: textproto.NewConn(&control{Conn: conn, left: maxControl})}
	f.closes(conn)
	if f.host, _, err = net.SplitHostPort(conn.RemoteAddr().String()); err == nil {
		err = f.login(user, password)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// closes has conn closed with the session, and when its context ends.
func (f *session) closes(conn net.Conn) {
	stop := context.AfterFunc(f.ctx, func() { conn.Close() })
	f.ends = append(f.ends, func() { stop(); conn.Close() })
}

func (f *session) close() {
	for _, end := range f.ends {
		end()
	}
	f.ends = nil
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

// modTime is when a file was changed last (RFC 3659, 3); zero where the server does not say it.
func (f *session) modTime(name string) time.Time {
	if _, msg, err := f.ask(213, "MDTM %s", name); err == nil {
		stamp, _, _ := strings.Cut(strings.TrimSpace(msg), ".")
		if t, err := time.Parse("20060102150405", stamp); err == nil {
			return t
		}
	}
	return time.Time{}
}

// retrieve gives what a command brings from the byte off on. Unless left is negative, so much must come.
func (f *session) retrieve(command string, off, left int64) (io.Reader, error) {
	data, err := f.passive()
	if err != nil {
		return nil, err
	}
	f.closes(data)
	if off > 0 {
		if _, _, err := f.ask(350, "REST %d", off); err != nil {
			return nil, err
		}
	}
	if _, _, err := f.ask(1, "%s", command); err != nil {
		return nil, err
	}
	return &whole{r: data, left: left, end: func() error {
		data.Close()
		_, _, err := f.text.ReadResponse(2)
		return err
	}}, nil
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
