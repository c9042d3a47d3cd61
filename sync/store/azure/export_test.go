package azure

import (
	"net/http"

	"github.com/genepattern/ferry/sync/store"
)

// Sign signs a request with an account's key.
func Sign(account, key string, rq *http.Request) error {
	k, err := newKey(account, key)
	if err != nil {
		return err
	}
	rq.Header["X-Ms-Version"] = versioned
	return k.authorize(rq)
}

// EncodeName and DecodeName are those of metadata.
var (
	EncodeName = encodeName
	DecodeName = decodeName
)

// ParsePage gives what a page of a listing has.
func ParsePage(doc []byte) (objects []store.Object, next string, hierarchical bool, err error) {
	p, err := parsePage(doc)
	return p.objects, p.next, p.hierarchical, err
}
