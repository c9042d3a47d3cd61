package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/ecr"
	"github.com/genepattern/ferry/commit/registry"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// registryLogin is the login given by flags, and the one registry that it is for. No other is sent it, whatever an image is called.
type registryLogin struct{ host, user, passwordFile string }

// newLogins collects the logins of this machine: the given one, ECR's, and those of the engine's configuration file. It
// contacts nobody.
func newLogins(w world, given registryLogin, log zerolog.Logger) (engine.Login, commit.Home, error) {
	client := &ecr.Client{Load: func(context.Context) (aws.Config, error) { return awsConfig(w) }}
	l := &registry.Logins{Issuers: []registry.Issuer{client}}
	var err error
	if l.Config, err = engineConfig(w.lookup); err != nil {
		log.Warn().Err(err).Msg("logins of the engine's configuration file are not used") // most jobs need none
	}
	for _, host := range l.Config.Helpers {
		log.Debug().Str("registry", host).Msg("its login is with a credential helper, which ferry does not run")
	}
	if given.user == "" && given.passwordFile == "" {
		return l.Login, client, nil
	}
	if given.user == "" || given.passwordFile == "" {
		return nil, nil, cause.Fail(cause.Usage, "", "--registry-user and --registry-password-file go together")
	}
	if given.host == "" || strings.ContainsAny(given.host, "/@ ") {
		return nil, nil, cause.Fail(cause.Usage, "such as --registry registry.example.org, or --registry docker.io",
			"--registry %q: --registry-user needs the one registry that its password is for", given.host)
	}
	password, err := bounded.File(given.passwordFile, bounded.Small)
	if err != nil {
		return nil, nil, cause.Fail(cause.Usage, "", "--registry-password-file: %w", err)
	}
	l.GivenHost = given.host
	l.Given = registry.Credential{User: given.user, Password: registry.Secret(strings.TrimRight(string(password), "\r\n"))}
	return l.Login, client, nil
}

// engineConfig reads the logins that `docker login` left for this user.
func engineConfig(lookup func(string) (string, bool)) (registry.Config, error) {
	dir, _ := lookup("DOCKER_CONFIG")
	if home, ok := lookup("HOME"); dir == "" && ok && home != "" {
		dir = filepath.Join(home, ".docker")
	}
	var content []byte
	file := filepath.Join(dir, "config.json")
	if dir != "" {
		var err error
		if content, err = bounded.File(file, 16*bounded.Small); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return registry.Config{}, err
		}
	}
	conf, err := registry.ParseConfig(content)
	if err != nil {
		return conf, fmt.Errorf("%q: %w", file, err)
	}
	return conf, nil
}

// hostOf is the registry that an image's NAME names, "" where it names none.
func hostOf(name string) string {
	host, _, ok := strings.Cut(name, "/")
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return ""
}
