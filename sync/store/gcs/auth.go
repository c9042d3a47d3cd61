package gcs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// scope is what tokens are for. https://cloud.google.com/storage/docs/oauth-scopes
const scope = "https://www.googleapis.com/auth/devstorage.read_write"

// tokenTime bounds a request to whoever gives tokens.
const tokenTime = 30 * time.Second

// auth gives the machine's tokens, as Google's library finds and renews them: application default credentials of a file or of gcloud, a service
// account's key, workload identity, the metadata server. It is safe for concurrent use.
type auth struct {
	mu     sync.Mutex
	source oauth2.TokenSource // nil until there are credentials
}

// token is the value of the header Authorization. The library gives the same token until it is about to expire.
func (a *auth) token(ctx context.Context) (string, error) {
	source, err := a.find(ctx)
	if err != nil {
		return "", err
	}
	t, err := source.Token()
	if err != nil {
		return "", shortened(err)
	}
	return t.Type() + " " + t.AccessToken, nil
}

func (a *auth) find(ctx context.Context) (oauth2.TokenSource, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.source != nil {
		return a.source, nil
	}
	client := &http.Client{Timeout: tokenTime}
	// The source outlives the request that it was made for.
	found, err := google.FindDefaultCredentials(context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client), scope)
	if err != nil {
		return nil, err
	}
	a.source = found.TokenSource
	return a.source, nil
}

// shortened is the error of a token without the answer's whole body.
func shortened(err error) error {
	var refused *oauth2.RetrieveError
	var said struct {
		Error       string
		Description string `json:"error_description"`
	}
	if !errors.As(err, &refused) || json.Unmarshal(refused.Body, &said) != nil || said.Error == "" {
		return err
	}
	return errors.New(strings.TrimSpace("asking for a token: " + said.Error + " " + said.Description))
}
