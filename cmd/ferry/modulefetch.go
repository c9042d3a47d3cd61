package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/ftp"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A fetcher fetches what a person names by URL, as that person.
type fetcher struct {
	world    world
	settings store.Settings
	client   *http.Client
	guard    egress.Guard
}

// redirects is how many are followed, as net/http has it.
const redirects = 10

// answerTime bounds how long a server may take to begin its answer, and to go on with it.
const answerTime = 2 * time.Minute

func newFetcher(w world, settings store.Settings) fetcher {
	var g egress.Guard // a module, and a server by a redirect, name URLs too
	t := &http.Transport{Proxy: g.Proxy(http.ProxyFromEnvironment), DialContext: g.Dial, ResponseHeaderTimeout: answerTime, TLSHandshakeTimeout: answerTime}
	return fetcher{world: w, settings: settings, client: &http.Client{Transport: t, CheckRedirect: g.CheckRedirect(redirects)}, guard: g}
}

// fetch brings the content of a URL into a directory, under the name that its server gives it, and gives the file's path. Its error has
// a cause.
func (f fetcher) fetch(ctx context.Context, address, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", cause.Name(ctx, cause.Usage, "", err)
	}
	var body io.ReadCloser
	var name string
	var err error
	for try := range 3 {
		body, name, err = f.open(ctx, address)
		if err == nil || !passing(err) || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second << try):
		}
	}
	if err != nil {
		return "", cause.Name(ctx, cause.StageIn, "", fmt.Errorf("fetching %s: %w", withoutPassword(address), err))
	}
	defer func() { _ = body.Close() }()
	if name = module.SafeName(name); name == "" {
		name = "download"
	}
	file := filepath.Join(dir, name)
	w, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = io.Copy(w, body)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		_ = os.Remove(file)
		return "", cause.Name(ctx, cause.StageIn, "", fmt.Errorf("fetching %s: %w", withoutPassword(address), err))
	}
	return file, nil
}

// errPassing marks an answer that another try may change.
var errPassing = errors.New("the server is busy")

func passing(err error) bool {
	var u *url.Error
	return errors.Is(err, errPassing) || errors.As(err, &u) && u.Timeout()
}

// open begins to read what is at a URL.
func (f fetcher) open(ctx context.Context, address string) (io.ReadCloser, string, error) {
	scheme, _, _ := strings.Cut(strings.ToLower(address), "://")
	switch scheme {
	case "http", "https":
		return f.openWeb(ctx, address)
	case "ftp":
		return f.openFTP(ctx, address)
	}
	opener, err := stores.All.Opener(f.settings, f.world.lookup)
	if err != nil {
		return nil, "", err
	}
	st, key, err := opener.Open(ctx, address)
	if err != nil {
		return nil, "", err
	}
	r, err := st.Open(ctx, key, store.OpenOptions{})
	if err != nil {
		return nil, "", err
	}
	return r, path.Base(key), nil
}

func (f fetcher) openWeb(ctx context.Context, address string) (io.ReadCloser, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("User-Agent", "ferry/"+version)
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		err := fmt.Errorf("the server answers %s", resp.Status)
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			err = fmt.Errorf("%w: it answers %s", errPassing, resp.Status)
		}
		return nil, "", err
	}
	return resp.Body, givenName(resp.Header, address), nil
}

// givenName is the name that the server gives a file, or else that of the URL. It may hold anything.
func givenName(h http.Header, address string) string {
	if _, params, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return params["filename"]
	}
	return module.URLName(address)
}

// openFTP begins to read by FTP. What the server refuses is an error of reading.
func (f fetcher) openFTP(ctx context.Context, address string) (io.ReadCloser, string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", err
	}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(ftp.Get(ctx, f.guard.Dial, u, func(data io.Reader) error {
			_, err := io.Copy(w, data)
			return err
		}))
	}()
	return r, module.URLName(address), nil
}

// withoutPassword is a URL for messages.
func withoutPassword(address string) string {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return u.Redacted()
	}
	return address
}

func fileExists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// settingsOf are the options of stores among a job's.
func settingsOf(s job.Settings) store.Settings { return store.Settings(storeSettings(s)) }
