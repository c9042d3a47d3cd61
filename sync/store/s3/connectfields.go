package s3

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/genepattern/ferry/sync/store"
)

// connectFields are the options that every command of the AWS CLI has, as far as they matter here.
var connectFields = store.Fields[Options]{
	{Name: "region", Arg: "REGION", Usage: "the REGION to ask first; a bucket in another one is followed there", Form: onlyCopies,
		Set: func(o *Options, v string) error { o.Choice.Region = v; return headerValue(v) }},
	{Name: "profile", Arg: "NAME", Usage: "the profile NAME of the AWS configuration", Form: onlyCopies,
		Set: func(o *Options, v string) error { o.Choice.Profile = v; return headerValue(v) }},
	{Name: "endpoint-url", Arg: "URL", Usage: "ask the server at URL", Form: onlyCopies,
		Set: func(o *Options, v string) error {
			o.Endpoint = v
			if u, err := url.Parse(v); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf("%q is no URL such as https://127.0.0.1:9000", v)
			}
			return nil
		}},
	{Name: "ca-bundle", Arg: "FILE", Usage: "trust the certificates in FILE alone", Form: onlyCopies,
		Set: func(o *Options, v string) error { o.Choice.CABundle = v; return nil }},
	{Name: "no-verify-ssl", Usage: "trust any certificate", Form: onlyCopies,
		Set: func(o *Options, _ string) error { o.Choice.Insecure = true; return nil }},
	{Name: "no-sign-request", Usage: "send requests without credentials", Form: onlyCopies,
		Set: func(o *Options, _ string) error { o.Choice.Anonymous = true; return nil }},
	{Name: "cli-connect-timeout", Arg: "SECONDS", Usage: "give up a connection that is not made in SECONDS; 0 for never", Form: onlyCopies,
		Set: func(o *Options, v string) error { return setSeconds(&o.Timeouts.Connect, v) }},
	{Name: "cli-read-timeout", Arg: "SECONDS", Usage: "give up a connection that is silent for SECONDS; 0 for never", Form: onlyCopies,
		Set: func(o *Options, v string) error { return setSeconds(&o.Timeouts.Read, v) }},
}

// setSeconds reads a limit, of which 0 is none.
func setSeconds(limit *time.Duration, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no number of seconds", v)
	}
	*limit = time.Duration(n) * time.Second
	if n == 0 {
		*limit = -1
	}
	return nil
}
