package s3

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// An auth signs requests. It has what may have to be renewed while a Store is in use. It is safe for concurrent use.
type auth struct {
	creds aws.CredentialsProvider // nil for anonymous access
	cache *aws.CredentialsCache   // the cache of creds; nil where there is none
	skew  atomic.Int64            // what to add to this machine's clock, in nanoseconds, once the server complained about it
}

// sign signs rq by the signer. payload is the hash of its body. The error is that of the credentials' provider.
func (a *auth) sign(by *signer, rq *http.Request, payload string) error {
	if a.creds == nil {
		return nil
	}
	c, err := a.creds.Retrieve(rq.Context())
	if err != nil {
		return err
	}
	by.sign(rq, c, payload, time.Now().Add(time.Duration(a.skew.Load())))
	return nil
}

// renew renews what e shows to be stale: the credentials, or the clock.
func (a *auth) renew(e *Error) {
	switch e.Code {
	case "RequestTimeTooSkewed":
		if !e.clock.IsZero() {
			a.skew.Store(int64(time.Until(e.clock)))
		}
	case "ExpiredToken":
		if a.cache != nil {
			a.cache.Invalidate()
		}
	}
}
