package registry

import (
	"context"
	"fmt"

	"github.com/genepattern/ferry/engine"
)

// An Issuer makes logins for registries of its own, such as ECR's. Its methods are safe for concurrent use.
type Issuer interface {
	// Owns says that a host is one of those registries.
	Owns(host string) bool
	// Login makes a login that is good from now.
	Login(ctx context.Context, host string) (user, password string, err error)
}

// Logins are all the logins ferry knows. In this order: the one given on the command line, for its host alone; an
// issuer's; those of the engine's configuration file; none.
type Logins struct {
	Given     Credential
	GivenHost string // the only host that is sent Given
	Issuers   []Issuer
	Config    Config
}

var _ engine.Login = (*Logins)(nil).Login

// Login is an engine.Login. Where an issuer has none to give, a login that the configuration file has serves too.
func (l *Logins) Login(ctx context.Context, host string) (user, password string, err error) {
	host = normalize(host)
	if l.Given.User != "" && host == normalize(l.GivenHost) {
		return l.Given.User, l.Given.Password.Reveal(), nil
	}
	known, ok := l.Config.logins[host]
	for _, i := range l.Issuers {
		if !i.Owns(host) {
			continue
		}
		user, password, err := i.Login(ctx, host)
		if err != nil && !ok {
			return "", "", fmt.Errorf("login for %q: %w", host, err)
		}
		if err == nil {
			return user, password, nil
		}
	}
	return known.User, known.Password.Reveal(), nil
}
