package gcs

import (
	"context"
	"strings"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Kind is Google Cloud Storage, or the emulator that STORAGE_EMULATOR_HOST names, as it does for Google's own clients.
var Kind = store.Kind{
	Name:    "Google Cloud Storage",
	Schemes: []string{"gs"},
	Form:    "gs://BUCKET/PREFIX",
	Parse:   store.ParseBucket,
	Can:     store.Everything,
	Options: fields.Options(),
	Hints:   hints,
	Open: func(_ context.Context, at store.Opening) (store.Store, error) {
		o, err := fields.Read(at.Settings)
		if err != nil {
			return nil, err
		}
		if at.Lookup != nil {
			o.Emulator, _ = at.Lookup("STORAGE_EMULATOR_HOST")
		}
		return New(at.Bucket, o)
	},
}

// Options of a Store. The zero value is good.
type Options struct {
	// Billing is the project that pays for requests to a bucket whose requester pays; "" for none.
	Billing string
	// Anonymous sends no credentials: for buckets that anybody may read.
	Anonymous bool
	// Emulator is the address of one, HOST:PORT or a URL, which gets no credentials; "" for Google's service.
	Emulator string
	// Endpoint is where Google's service is, https://storage.googleapis.com for "".
	Endpoint string
	Timeouts wire.Timeouts
	Tries    int   // of a request; 0 is retry.DefaultAttempts
	Single   int64 // the size of the largest object that is sent by one request, in bytes; 0 is 8 MiB
	PageSize int   // objects in a page of a listing; 0 is 1000, the most there is
}

// fields are the options that a command takes.
var fields = store.Fields[Options]{
	store.WaitField(func(o *Options) *time.Duration { return &o.Timeouts.Patience }),
	{Name: "billing-project", Arg: "PROJECT", Usage: "Google Cloud `PROJECT` that pays for buckets whose requester pays",
		Set: func(o *Options, v string) error { o.Billing = v; return nil }},
	{Name: "gs-anonymous", Usage: "send Google Cloud Storage no credentials: for public buckets",
		Set: func(o *Options, v string) error { o.Anonymous = v == "true"; return nil }},
}

// hints are what a user of Google Cloud Storage can do, by kind.
var hints = map[error]string{
	store.ErrCredentials: "`gcloud auth application-default login`, GOOGLE_APPLICATION_CREDENTIALS, or a service account for the machine; --gs-anonymous for a public bucket",
	store.ErrDenied:      "the account needs roles/storage.objectUser on the bucket, or roles/storage.objectViewer to read",
	store.ErrNoBucket:    "is the bucket's name right? `gcloud storage ls` lists a project's buckets",
	store.ErrUnreachable: "is the network there, and STORAGE_EMULATOR_HOST right?",
}

// endpointOf is where requests go, and whether that is an emulator.
func (o Options) endpointOf() (endpoint string, emulated bool) {
	switch {
	case o.Emulator == "" && o.Endpoint == "":
		return "https://storage.googleapis.com", false
	case o.Emulator == "":
		return strings.TrimSuffix(o.Endpoint, "/"), false
	case strings.Contains(o.Emulator, "://"):
		return strings.TrimSuffix(o.Emulator, "/"), true
	}
	return "http://" + o.Emulator, true
}
