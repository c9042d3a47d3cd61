package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/frontend/module"
	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/internal/ftp"
	"github.com/genepattern/ferry/sync/store/stores"
)

const (
	// maxChoices bounds a list of choices, in bytes.
	maxChoices = 8 << 20
	// maxChoiceFiles bounds a directory of choices: how many objects are looked at.
	maxChoiceFiles = 20_000
	// shownChoices is how many an error names.
	shownChoices = 20
)

// choose replaces labels of parameters whose choices are at a URL. The list is fetched only where a value is no path and no URL.
func (f fetcher) choose(ctx context.Context, m module.Manifest, g module.Given) error {
	for i := range m.Params {
		p := &m.Params[i]
		if p.ChoiceDir == "" {
			continue
		}
		values, given := g[p.Name]
		if !given && p.Default != "" {
			values = []module.Value{{Text: p.Default}}
		}
		for k, v := range values {
			if module.IsURL(v.Text) || fileExists(v.Text) || v.Text == "" {
				continue
			}
			at, err := f.choice(ctx, p.ChoiceDir, v.Text)
			if err != nil {
				return cause.Name(ctx, cause.Usage, "", fmt.Errorf("%s: %w", p.Name, err))
			}
			if scheme, _, ok := strings.Cut(at, "://"); !ok || !module.IsPublic(scheme) {
				return cause.Fail(cause.Refused, "give the path or the URL itself with -p", "%s: the module's list of choices leads to %s, which may be private", p.Name, egress.ShownAny(at))
			}
			values[k].Text = at
		}
		if len(values) > 0 {
			g[p.Name] = values
		}
	}
	return nil
}

// A remoteChoice is a choice that a parameter's choiceDir has.
type remoteChoice struct{ Label, URL string }

// choice is the URL that the choices at an address have for a label.
func (f fetcher) choice(ctx context.Context, address, label string) (string, error) {
	all, err := f.choices(ctx, address)
	if err != nil {
		return "", fmt.Errorf("fetching its choices from %s: %w", egress.ShownAny(address), err)
	}
	var labels []string
	for _, c := range all {
		if c.Label == label || path.Base(c.URL) == label {
			return c.URL, nil
		}
		if len(labels) < shownChoices {
			labels = append(labels, c.Label)
		}
	}
	if more := len(all) - len(labels); more > 0 {
		labels = append(labels, fmt.Sprintf("… (%d more)", more))
	}
	return "", fmt.Errorf("%s is none of %s", label, strings.Join(labels, ", "))
}

// choices are those that a list at a web address has, or the files of a directory in another place.
func (f fetcher) choices(ctx context.Context, address string) (all []remoteChoice, err error) {
	scheme, _, _ := strings.Cut(strings.ToLower(address), "://")
	var names []string
	switch scheme {
	case "http", "https":
		body, err := f.open(ctx, address)
		if err != nil {
			return nil, err
		}
		defer func() { _ = body.Close() }()
		data, err := io.ReadAll(io.LimitReader(body.r, maxChoices+1))
		switch {
		case err != nil:
			return nil, err
		case len(data) > maxChoices:
			return nil, fmt.Errorf("it is larger than %d MiB", maxChoices>>20)
		case json.Unmarshal(data, &all) != nil:
			return nil, errors.New(`it is no list of {"label": …, "url": …}`)
		}
		return all, nil
	case "ftp":
		names, err = f.listFTP(ctx, address)
	default:
		names, err = f.listStore(ctx, address)
	}
	for _, name := range names {
		at := name
		if scheme == "ftp" {
			at = url.PathEscape(name)
		}
		all = append(all, remoteChoice{Label: name, URL: strings.TrimSuffix(address, "/") + "/" + at})
	}
	return all, err
}

// listFTP gives the names in a directory of an FTP server.
func (f fetcher) listFTP(ctx context.Context, address string) (names []string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	err = ftp.List(ctx, patientDial(f.guard.Dial, answerTime), u, func(data io.Reader) error {
		lines := bufio.NewScanner(data)
		for lines.Scan() {
			if len(names) >= maxChoiceFiles {
				return fmt.Errorf("it has more than %d files", maxChoiceFiles)
			}
			if name := path.Base(strings.TrimSpace(lines.Text())); name != "." && name != ".." && name != "/" {
				names = append(names, name)
			}
		}
		return lines.Err()
	})
	return names, err
}

// answerTime bounds how long an FTP server may say nothing.
const answerTime = 2 * time.Minute

// A patientConn is given up where nothing comes, or nothing goes, for longer than patience.
type patientConn struct {
	net.Conn
	patience time.Duration
}

func (c patientConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c patientConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func patientDial(dial ftp.Dialer, patience time.Duration) ftp.Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return patientConn{c, patience}, nil
	}
}

// listStore gives the names in a directory of a store, without what is below it.
func (f fetcher) listStore(ctx context.Context, address string) (names []string, err error) {
	opener, err := stores.All.Opener(f.settings, f.world.lookup)
	if err != nil {
		return nil, err
	}
	st, key, err := opener.Open(ctx, strings.TrimSuffix(address, "/"))
	if err != nil {
		return nil, err
	}
	prefix, seen := key+"/", 0
	if key == "" {
		prefix = ""
	}
	for o, err := range st.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if seen++; seen > maxChoiceFiles {
			return nil, fmt.Errorf("it has more than %d files", maxChoiceFiles)
		}
		if name := strings.TrimPrefix(o.Key, prefix); name != "" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names, nil
}
