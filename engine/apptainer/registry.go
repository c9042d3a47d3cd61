package apptainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// Apptainer tells by words alone why a registry gave no image. So ferry asks the registry for the image's digest first, and knows by
// the answer's code what is the matter. The image is then fetched by that digest.

const (
	// registryTries is how often a registry is asked that is busy or broken, see Engine.Image.
	registryTries = 4
	// registryPause is before the second try. It doubles.
	registryPause = time.Second
	// registryWait bounds what a registry may ask for as a pause.
	registryWait = 30 * time.Second
)

// manifests are the kinds of manifest that there are.
var manifests = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
}, ", ")

// A registry answers for one image.
type registry struct {
	name           reference.Named
	base           string // URL
	user, password string
	client         *http.Client
}

// newRegistry speaks to the registry of an image, with TLS unless that is on this machine.
func newRegistry(ctx context.Context, name reference.Named, login engine.Login) (*registry, error) {
	host := reference.Domain(name)
	r := &registry{name: name, base: "https://" + host, client: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
	}, Timeout: time.Minute}}
	switch {
	case host == "docker.io":
		r.base = "https://registry-1.docker.io"
	case plain(host):
		r.base = "http://" + host
	}
	if login != nil {
		var err error
		if r.user, r.password, err = login(ctx, host); err != nil {
			return nil, fmt.Errorf("the login at %s: %w", host, err)
		}
	}
	return r, nil
}

// digest asks for the digest of the image's manifest.
func (r *registry) digest(ctx context.Context) (string, error) {
	defer r.client.CloseIdleConnections()
	which := "latest"
	switch n := r.name.(type) {
	case reference.Digested:
		which = n.Digest().String()
	case reference.Tagged:
		which = n.Tag()
	}
	target := r.base + "/v2/" + reference.Path(r.name) + "/manifests/" + which
	pause := registryPause
	for try := 1; ; try++ {
		digest, wait, err := r.ask(ctx, target)
		if err == nil || wait == 0 || try == registryTries {
			return digest, err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(min(max(pause, wait), registryWait)):
		}
		pause *= 2
	}
}

// ask asks once, and logs in where the registry wants that. wait is not 0 where asking again may help.
func (r *registry) ask(ctx context.Context, target string) (digest string, wait time.Duration, err error) {
	res, err := r.head(ctx, target, "")
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		var authorization string
		if authorization, err = r.authorize(ctx, res.Header.Get("WWW-Authenticate")); err == nil {
			res, err = r.head(ctx, target, authorization)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", 0, context.Cause(ctx)
		}
		if errors.Is(err, engine.ErrDenied) {
			return "", 0, err
		}
		return "", time.Nanosecond, fmt.Errorf("image %q: %w: %w", r.name, engine.ErrNoImage, err)
	}
	switch code := res.StatusCode; {
	case code == http.StatusOK:
		digest = res.Header.Get("Docker-Content-Digest")
		if !digestForm.MatchString(digest) {
			return "", 0, fmt.Errorf("image %q: %w: the registry names no digest", r.name, engine.ErrNoImage)
		}
		return digest, 0, nil
	case code == http.StatusNotFound:
		return "", 0, fmt.Errorf("image %q: %w", r.name, engine.ErrNoImage)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return "", 0, fmt.Errorf("image %q: %w", r.name, engine.ErrDenied)
	case code == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return "", max(time.Duration(seconds)*time.Second, 1), fmt.Errorf("image %q: %w", r.name, engine.ErrBusy)
	case code >= 500:
		return "", 1, fmt.Errorf("image %q: %w: the registry answers %s", r.name, engine.ErrNoImage, res.Status)
	default:
		return "", 0, fmt.Errorf("image %q: %w: the registry answers %s", r.name, engine.ErrNoImage, res.Status)
	}
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (r *registry) head(ctx context.Context, target, authorization string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", manifests)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	return res, res.Body.Close()
}

var challengePart = regexp.MustCompile(`([a-zA-Z]+)="([^"]*)"`)

// authorize answers a challenge. https://distribution.github.io/distribution/spec/auth/token/
func (r *registry) authorize(ctx context.Context, challenge string) (string, error) {
	kind, rest, _ := strings.Cut(challenge, " ")
	basic, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base, nil)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(kind, "Basic") {
		if r.user == "" {
			return "", fmt.Errorf("image %q: %w", r.name, engine.ErrDenied)
		}
		basic.SetBasicAuth(r.user, r.password)
		return basic.Header.Get("Authorization"), nil
	}
	part := map[string]string{}
	for _, m := range challengePart.FindAllStringSubmatch(rest, -1) {
		part[strings.ToLower(m[1])] = m[2]
	}
	realm, err := url.Parse(part["realm"])
	if err != nil || realm.Scheme != "https" && !plain(realm.Host) {
		return "", fmt.Errorf("image %q: %w: its registry wants a login at %q, which is not safe", r.name, engine.ErrDenied, part["realm"])
	}
	q := realm.Query()
	q.Set("service", part["service"])
	q.Set("scope", "repository:"+reference.Path(r.name)+":pull")
	realm.RawQuery = q.Encode()
	basic.URL, basic.Host = realm, realm.Host
	if r.user != "" {
		basic.SetBasicAuth(r.user, r.password)
	}
	res, err := r.client.Do(basic)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, res.Body, 1<<16)
		return "", fmt.Errorf("image %q: %w", r.name, engine.ErrDenied)
	}
	data, err := bounded.All(res.Body, bounded.Small)
	if err != nil {
		return "", err
	}
	var token struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(data, &token); err != nil {
		return "", err
	}
	if token.Token == "" {
		token.Token = token.Access
	}
	return "Bearer " + token.Token, nil
}
