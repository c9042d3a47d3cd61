package azure

import "net/http"

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
