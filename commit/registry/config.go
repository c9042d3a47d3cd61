package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// A Credential is one login.
type Credential struct {
	User     string
	Password Secret
}

// A Config is what an engine's configuration file (~/.docker/config.json) says of logins.
type Config struct {
	logins map[string]Credential // by host, as normalized
	// Helpers are the hosts whose logins are with a helper program, which ferry does not run: there is none in its image.
	Helpers []string
}

// ParseConfig reads the content of a configuration file. Its errors do not quote it.
func ParseConfig(content []byte) (Config, error) {
	c := Config{logins: map[string]Credential{}}
	if len(content) == 0 {
		return c, nil
	}
	var file struct {
		Auths map[string]struct {
			Auth          Secret
			Username      string
			Password      Secret
			IdentityToken Secret
		}
		CredHelpers map[string]string
	}
	if err := json.Unmarshal(content, &file); err != nil {
		var bad *json.SyntaxError
		if errors.As(err, &bad) {
			return c, fmt.Errorf("it is no JSON: at byte %d: %w", bad.Offset, err)
		}
		return c, errors.New("it is not in the form of an engine's configuration file")
	}
	for host, a := range file.Auths {
		login := Credential{User: a.Username, Password: a.Password}
		if a.Auth != "" {
			raw, err := base64.StdEncoding.DecodeString(a.Auth.Reveal())
			user, password, ok := strings.Cut(strings.TrimRight(string(raw), "\x00"), ":")
			if err != nil || !ok {
				return c, fmt.Errorf("the login for %q is not the base64 of user:password", host)
			}
			login = Credential{User: user, Password: Secret(password)}
		}
		if a.IdentityToken != "" {
			// The engine takes a token for the user that has no name.
			login = Credential{User: tokenUser, Password: a.IdentityToken}
		}
		if login.User != "" {
			c.logins[normalize(host)] = login
		}
	}
	for host := range file.CredHelpers {
		c.Helpers = append(c.Helpers, normalize(host))
	}
	return c, nil
}

// tokenUser is the user name by which Docker's tools say that the password is a token.
const tokenUser = "<token>"

// normalize is the host of an entry's key, which may be a URL with a path; Docker Hub has several.
func normalize(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	switch host {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		return "docker.io"
	}
	return host
}
