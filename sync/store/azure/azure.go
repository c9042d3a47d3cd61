package azure

import (
	"context"
	"net/http"
	"net/url"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/retry"
	"github.com/genepattern/ferry/sync/store/wire"
)

// Store is a container. It is safe for concurrent use.
type Store struct {
	at     Place
	shown  string   // what comes before a key in messages, without a slash at its end
	base   *url.URL // of the container; its path, escaped, is what names are appended to
	wire   http.RoundTripper
	loop   *retry.Loop
	auth   authorizer
	blocks blockSizes
	crc    bool // blocks are verified by their CRC-64, which Azure's own endpoints know
	page   int  // how many blobs are asked for in a page of a listing; 0 for the most there are
}

// A Place is where a container is, and what opens it.
type Place struct {
	Account, Container string
	// Endpoint of the account's blob service, such as "https://ACCOUNT.blob.core.windows.net"; it may have a path.
	Endpoint string
	// Shown is the container's URL in messages.
	Shown string

	auth   authorizer
	hosted bool // the URL has the endpoint's host
}

// Options of a Store. The zero value is good.
type Options struct {
	// BlockSize is the size of a block in bytes, and of the largest blob that is sent by one request. 0 means 16 MiB and 32 MiB. A
	// block is larger where a blob would have over 50,000.
	BlockSize int64
	// MaxAttempts is how many tries a request has. 0 is retry.DefaultAttempts.
	MaxAttempts int
	// PageSize is how many blobs are asked for in a page of a listing. 0 is 5000, the most there is.
	PageSize int
	Timeouts wire.Timeouts
}

// blockSizes in bytes.
type blockSizes struct {
	size   int64 // of a block
	single int64 // of the largest blob that is sent by one request
}

var _ store.Store = (*Store)(nil)

// New makes a Store. It sends nothing. Its error says that the endpoint is no URL.
func New(at Place, o Options) (*Store, error) {
	base, err := url.Parse(at.Endpoint)
	if err != nil {
		return nil, err
	}
	base = base.JoinPath(at.Container)
	t := wire.TuneFor(http.DefaultTransport.(*http.Transport).Clone(), o.Timeouts)
	if base.Scheme == "https" {
		wire.OverTLS(t)
	}
	s := &Store{at: at, shown: at.Shown, base: base, wire: t, auth: at.auth, page: o.PageSize, crc: azures(base.Hostname()), blocks: blockSizes{16 << 20, 32 << 20}}
	if o.BlockSize > 0 {
		s.blocks = blockSizes{o.BlockSize, o.BlockSize}
	}
	s.loop = retry.New(o.MaxAttempts, policy{auth: s.auth}, nil).Probing(s.probe, o.Timeouts.Patience)
	return s, nil
}

// URL of a key.
func (s *Store) URL(key string) string {
	if key == "" {
		return s.shown
	}
	return s.shown + "/" + key
}

// Close closes idle connections.
func (s *Store) Close() error {
	if t, ok := s.wire.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	return nil
}

// probe asks for the container's properties: whatever comes is an answer.
func (s *Store) probe(ctx context.Context) error {
	r := request{op: "asking for", method: http.MethodHead, query: "restype=container", want: http.StatusOK}
	return s.try(ctx, &r, func(resp *http.Response) error { return resp.Body.Close() })
}
