package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/genepattern/ferry/sync/store/retry"
)

// A token of Microsoft Entra ID.
type token struct {
	text    string
	got     time.Time
	expires time.Time
}

// A source gives tokens. Its error is errAbsent where this machine has nothing of the kind.
type source struct {
	name string
	get  func(context.Context) (token, error)
}

// errAbsent says that a source is not there, so that the next one is asked.
var errAbsent = errors.New("not there")

// An absence is errAbsent with what the source said.
type absence struct{ said string }

func (a absence) Error() string        { return a.said }
func (a absence) Is(target error) bool { return target == errAbsent }

// A passing error is one that another try may not meet.
type passing struct{ error }

// Unwrap is for errors.Is and errors.As.
func (p passing) Unwrap() error { return p.error }

const (
	renewBefore = 5 * time.Minute // a token's end: an upload that begins now may last
	tokenWithin = 30 * time.Second
)

// A bearer authorizes by the tokens of the first source that is there. Where none is, requests go without: the container may be one
// that anybody can read.
type bearer struct {
	sources []source
	passed  string // what was found and is not for this account

	mu      sync.Mutex
	have    token
	from    *source // nil before it is known
	missing bool    // no source is there
	said    string  // why not, where that is not plain
}

var _ authorizer = (*bearer)(nil)

func (b *bearer) authorize(rq *http.Request) error {
	t, err := b.token(rq.Context())
	if err != nil || t == "" {
		return err
	}
	if rq.URL.Scheme != "https" && !loopback(rq.URL.Hostname()) {
		return errors.New("a token is sent over https only")
	}
	rq.Header["Authorization"] = []string{"Bearer " + t}
	return nil
}

// token gives the one there is, or gets another. It is "" where no source is there. One caller gets it for all.
func (b *bearer) token(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missing || time.Until(b.have.expires) > renewBefore {
		return b.have.text, nil
	}
	for i := range b.sources {
		src := &b.sources[i]
		if b.from != nil && b.from != src {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, tokenWithin)
		t, err := src.get(limited)
		cancel()
		if errors.Is(err, errAbsent) {
			var a absence
			if errors.As(err, &a) {
				b.said = src.name + " said " + strconv.Quote(a.said)
			}
			continue
		}
		if err != nil {
			if time.Until(b.have.expires) > 0 { // good for a while
				return b.have.text, nil
			}
			return "", fmt.Errorf("%s: %w", src.name, err)
		}
		t.got = time.Now()
		b.have, b.from = t, src
		return t.text, nil
	}
	b.missing = b.from == nil && ctx.Err() == nil
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return b.have.text, nil
}

// renew drops a token that was refused, but not one that was got just now.
func (b *bearer) renew() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.have.text == "" || time.Since(b.have.got) < time.Minute {
		return false
	}
	b.have = token{}
	return true
}

func (b *bearer) anonymous() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missing
}

func (b *bearer) over() bool { return false }

func (b *bearer) note() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := "no credentials were found"
	switch {
	case b.from != nil:
		said = "the token came from " + b.from.name
	case b.said != "":
		said += ", " + b.said
	}
	if b.passed != "" {
		said = b.passed + ", and " + said
	}
	return said
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tokenAnswer is what all who give tokens over HTTP answer. expires_in and expires_on are numbers for some, and strings for others.
type tokenAnswer struct {
	AccessToken      string      `json:"access_token"`
	ExpiresIn        json.Number `json:"expires_in"`
	ExpiresOn        json.Number `json:"expires_on"`
	Error            string      `json:"error"`
	ErrorDescription string      `json:"error_description"`
}

// ask sends a request for a token. A status of nobody's fault is a passing error.
func ask(client *http.Client, rq *http.Request) (token, error) {
	resp, err := client.Do(rq)
	if err != nil {
		if rq.Context().Err() == nil || errors.Is(rq.Context().Err(), context.DeadlineExceeded) {
			err = passing{err}
		}
		return token{}, err
	}
	defer resp.Body.Close()
	var a tokenAnswer
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return token{}, passing{err}
	}
	unread := json.Unmarshal(text, &a)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError:
		return token{}, passing{fmt.Errorf("HTTP %d", resp.StatusCode)}
	case resp.StatusCode != http.StatusOK && a.Error == "":
		return token{}, fmt.Errorf("HTTP %d", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		said, _, _ := strings.Cut(a.ErrorDescription, "\n")
		return token{}, fmt.Errorf("%s: %s", a.Error, strings.TrimSpace(said))
	case unread != nil || a.AccessToken == "":
		return token{}, errors.New("the answer has no token")
	}
	t := token{text: a.AccessToken, expires: time.Now().Add(time.Hour)}
	if n, err := strconv.ParseInt(string(a.ExpiresIn), 10, 64); err == nil {
		t.expires = time.Now().Add(time.Duration(n) * time.Second)
	} else if n, err := strconv.ParseInt(string(a.ExpiresOn), 10, 64); err == nil {
		t.expires = time.Unix(n, 0)
	}
	return t, nil
}

// worthAnother reports whether getting a token may succeed later.
func worthAnother(err error) bool {
	var p passing
	return errors.As(err, &p) && !retry.Permanent(err)
}
