package web

import (
	"context"
	"net/http"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// Kind is web and FTP servers, through the proxy that the environment names. A server is a store.
var Kind = store.Kind{
	Name:    "a web or FTP server",
	Schemes: []string{"https", "http", "ftp"},
	Form:    "https://HOST/FILE",
	Parse:   parse,
	Base:    base,
	Options: fields.Options(),
	Hints:   hints,
	Open: func(_ context.Context, at store.Opening) (store.Store, error) {
		o, err := fields.Read(at.Settings)
		if err != nil {
			return nil, err
		}
		o.Proxy = http.ProxyFromEnvironment
		return New(at.Scheme, at.Bucket, o), nil
	},
}

// fields are the options that a command takes.
var fields = store.Fields[Options]{store.WaitField(func(o *Options) *time.Duration { return &o.Timeouts.Patience })}

// hints are what a user of a URL can do, by kind.
var hints = map[error]string{
	store.ErrCredentials: "a user and password may stand before the host, as in https://USER:PASSWORD@HOST/FILE",
	store.ErrDenied:      "is the URL right and, where it is a signed one, still valid?",
	store.ErrUnreachable: "is the host's name right, and the network there? HTTP_PROXY and HTTPS_PROXY name a proxy",
}
