package syncscript

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
	ferrysync "github.com/genepattern/ferry/sync"
)

// Bounds of a wget. The timeout is GNU wget's own for reads; it stands for each wait, not for the whole.
const (
	wgetTimeout = 900 * time.Second
	wgetTries   = 3
)

// wget is `wget [-q] [-S] [-T SECONDS] -O FILE URL`.
type wget struct {
	url     *url.URL
	dest    string
	timeout time.Duration
	headers bool // -S: print the answer's headers
	quiet   bool
}

func newWget(c *compiler, args []field) (command, error) {
	w := &wget{timeout: wgetTimeout}
	var dest string
	var rest []string
	for i := 0; i < len(args); i++ {
		a := args[i].text
		if len(a) < 2 || a[0] != '-' {
			rest = append(rest, a)
			continue
		}
		name, value, joined := shortOption(a)
		for _, r := range name[:len(name)-1] {
			if err := w.flag(r, a); err != nil {
				return nil, err
			}
		}
		last := rune(name[len(name)-1])
		if last != 'O' && last != 'T' {
			if err := w.flag(last, a); err != nil {
				return nil, err
			}
			continue
		}
		if !joined {
			if i++; i == len(args) {
				return nil, fmt.Errorf("option %q has no value", a)
			}
			value = args[i].text
		}
		if last == 'O' {
			dest = value
		} else if n, err := strconv.ParseFloat(value, 64); err != nil || !(n > 0 && n <= wgetTimeout.Seconds()) {
			return nil, fmt.Errorf("option -T takes a number of seconds up to %v", wgetTimeout.Seconds())
		} else {
			w.timeout = time.Duration(n * float64(time.Second))
		}
	}
	return w, w.locate(c, dest, rest)
}

// shortOption splits "-qO" or "-T60" or "--timeout=60": the switches with the one that takes a value last, and the value
// that stands with it.
func shortOption(a string) (name, value string, joined bool) {
	if strings.HasPrefix(a, "--") {
		long, value, joined := strings.Cut(a[2:], "=")
		short := map[string]string{"server-response": "S", "timeout": "T", "output-document": "O", "quiet": "q", "no-verbose": "v"}[long]
		if short == "" {
			short = "-" // none, so that it is refused as it was written
		}
		return short, value, joined
	}
	if i := strings.IndexAny(a[1:], "OT"); i >= 0 {
		return a[1 : i+2], a[i+2:], i+2 < len(a)
	}
	return a[1:], "", false
}

func (w *wget) flag(r rune, written string) error {
	switch r {
	case 'S':
		w.headers = true
	case 'q':
		w.quiet = true
	default:
		name, _, _ := strings.Cut(written, "=") // the value may be a password
		return unsupported(name)
	}
	return nil
}

func (w *wget) locate(c *compiler, dest string, rest []string) error {
	if dest == "" {
		return errors.New("option -O is missing: a sync script says where a file goes")
	}
	if len(rest) != 1 {
		return fmt.Errorf("%d URLs, takes one", len(rest))
	}
	var err error
	if w.dest, err = c.rel(dest); err != nil {
		return err
	}
	raw := rest[0]
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw // as wget does
	}
	u, err := url.Parse(strings.ReplaceAll(raw, " ", "%20"))
	if err != nil {
		return fmt.Errorf("%q is no URL", egress.Shown(raw))
	}
	if !slices.Contains([]string{"http", "https", "ftp"}, u.Scheme) {
		return fmt.Errorf("%q: a %s URL cannot be fetched, only http, https and ftp", egress.Shown(raw), u.Scheme)
	}
	if u.Hostname() == "" {
		return fmt.Errorf("%q names no host", egress.Shown(raw))
	}
	w.url = u
	return nil
}

func (w *wget) touches() []string { return []string{w.dest} }

func (w *wget) do(ctx context.Context, t *task) error {
	var err error
	for try := range wgetTries {
		if try > 0 {
			select {
			case <-time.After(time.Duration(try) * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		var again bool
		if again, err = w.fetch(ctx, t); err == nil || !again || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", egress.ShownURL(w.url), err)
	}
	return nil
}

// fetch tries once. The file appears whole or not at all. again says that another try may do better.
func (w *wget) fetch(ctx context.Context, t *task) (again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// One timer stands for connecting, waiting for the answer, and each wait for more of it.
	idle := time.AfterFunc(w.timeout, func() { cancel(fmt.Errorf("no answer for %v", w.timeout)) })
	defer idle.Stop()
	if w.url.Scheme == "ftp" {
		return w.fetchFTP(ctx, t, idle)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url.String(), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("User-Agent", "ferry")
	req.Header.Set("Accept-Encoding", "identity") // the file as the server has it
	resp, err := t.client.Do(req)
	if err != nil {
		return !errors.Is(err, egress.ErrForbidden) && !errors.Is(err, egress.ErrRedirect), because(ctx, err)
	}
	defer resp.Body.Close()
	if w.headers && !w.quiet {
		t.stderr(headerText(resp))
	}
	if resp.StatusCode != http.StatusOK {
		busy := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
		return busy, fmt.Errorf("the server answers %s", oneLine(resp.Status))
	}
	err = w.keep(t, &watched{resp.Body, idle, w.timeout}, resp.ContentLength)
	return cause.Of(err) != cause.Disk, because(ctx, err)
}

// keep saves the answer and says so. size is what the server announced, -1 where it did not.
func (w *wget) keep(t *task, body io.Reader, size int64) error {
	room := &claim{Reader: body, space: t.work.Space}
	err := room.take(size)
	var n int64
	if err == nil {
		n, err = w.save(t.work.Root, room)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = cause.Fail(cause.Disk, "give the node more space", "%w", err)
	}
	if err != nil {
		room.giveBack()
	}
	if err == nil && !w.quiet {
		t.stderr(fmt.Sprintf("%s: %d bytes saved to %s\n", egress.ShownURL(w.url), n, t.shown(w.dest)))
	}
	return err
}

// because is err without the URL that net/http puts before it, or the cause why ctx ended.
func because(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if why := context.Cause(ctx); why != nil {
		return why
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// save writes the answer beside its place, then moves it there.
func (w *wget) save(root *os.Root, body io.Reader) (int64, error) {
	if err := root.MkdirAll(above(w.dest), 0o755); err != nil {
		return 0, err
	}
	part := path.Join(above(w.dest), ".ferry-"+rand.Text())
	f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, body)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = root.Rename(part, w.dest)
	}
	if err != nil {
		return n, errors.Join(err, root.Remove(part))
	}
	return n, nil
}

// A claim takes room for what comes before it is read, so that no answer fills the disk.
type claim struct {
	io.Reader
	space *ferrysync.Space
	taken int64
	read  int64
}

// claimStep is how much is taken at a time where nobody said how much comes.
const claimStep = 1 << 20

func (c *claim) take(n int64) error {
	if n <= 0 {
		return nil
	}
	if err := c.space.Take(n); err != nil {
		return err
	}
	c.taken += n
	return nil
}

func (c *claim) giveBack() {
	c.space.Give(c.taken)
	c.taken = 0
}

func (c *claim) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.read += int64(n); c.read > c.taken {
		if e := c.take((c.read - c.taken + claimStep - 1) / claimStep * claimStep); e != nil {
			return 0, e
		}
	}
	return n, err
}

// watched winds the timer up again with each piece that comes.
type watched struct {
	io.Reader
	idle    *time.Timer
	timeout time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.idle.Reset(w.timeout)
	return n, err
}

// headerText is what wget -S prints. Cookies are left out, being secrets.
func headerText(resp *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %s\n", resp.Proto, oneLine(resp.Status))
	names := make([]string, 0, len(resp.Header))
	for name := range resp.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "Set-Cookie" {
			fmt.Fprintf(&b, "  %s: %s\n", name, printable(strings.Join(resp.Header[name], ", ")))
		}
	}
	return b.String()
}
