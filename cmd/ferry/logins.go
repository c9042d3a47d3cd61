package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/distribution/reference"
	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/commit"
	"github.com/genepattern/ferry/commit/ecr"
	"github.com/genepattern/ferry/commit/registry"
	"github.com/genepattern/ferry/engine"
)

// registryLogin is the login given by flags, and the names that say which one registry it is for: that of name, or where
// name is none of a registry's, that of image.
type registryLogin struct{ user, passwordFile, name, image string }

// newLogins collects the logins of this machine: the given one, ECR's, and those of the engine's configuration file. It
// contacts nobody.
func newLogins(w world, given registryLogin, log zerolog.Logger) (engine.Login, commit.Home, error) {
	client := &ecr.Client{Load: func(context.Context) (aws.Config, error) { return awsConfig() }}
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
	password, err := os.ReadFile(given.passwordFile)
	if err != nil {
		return nil, nil, cause.Fail(cause.Usage, "", "--registry-password-file: %w", err)
	}
	l.Given = registry.Credential{User: given.user, Password: registry.Secret(strings.TrimRight(string(password), "\r\n"))}
	if l.GivenHost = hostOf(given.name); l.GivenHost == "" {
		l.GivenHost = imageHost(given.image)
	}
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
		if content, err = os.ReadFile(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// imageHost is the registry an image comes from.
func imageHost(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return reference.Domain(named)
}
