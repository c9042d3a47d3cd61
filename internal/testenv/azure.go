package testenv

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/internal/lab"
)

// A Container is one of Azurite, made for one test alone.
type Container struct {
	URL      string // az://ACCOUNT/CONTAINER
	Account  string
	Key      string // of the account
	Name     string
	Endpoint string // of the account
}

// Env is what a child process needs to use the container, besides Environ.
func (c *Container) Env() []string { return lab.AzuriteEnv(c.Endpoint) }

// Via is the container as seen through a proxy.
func (c *Container) Via(p *FaultProxy) *Container {
	via := *c
	via.Endpoint = p.URL + "/" + c.Account
	return &via
}

// azurite is shared by the test binary's tests, and ends with it.
var azurite = sync.OnceValues(func() (*lab.Azurite, error) { return lab.StartAzurite(os.TempDir()) })

// Azure is a new container of the Azurite that the test binary's tests share.
func Azure(t testing.TB) *Container {
	t.Helper()
	Require(t, lab.AzuriteInstalled() == nil, "Azurite: scripts/azurite.sh install")
	a, err := azurite()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("ferry-test-%d", buckets.Add(1))
	if err := a.Container(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return &Container{URL: "az://" + lab.AzuriteAccount + "/" + name, Account: lab.AzuriteAccount, Key: lab.AzuriteKey, Name: name, Endpoint: a.Endpoint}
}

// describeAzure names what a request to Azurite does by the S3 operation that does the same.
func describeAzure(r *http.Request) Request {
	_, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	container, key, _ := strings.Cut(rest, "/")
	q := r.URL.Query()
	kind := map[string]string{"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}[r.Method]
	switch {
	case key == "" && q.Get("comp") == "list":
		kind = "ListObjectsV2"
	case key == "":
		kind = r.Method + " bucket"
	case q.Get("comp") == "block":
		kind = "UploadPart"
	case q.Get("comp") == "blocklist":
		kind = "CompleteMultipartUpload"
	}
	return Request{Method: r.Method, Kind: kind, Bucket: container, Key: key, Query: q, Header: r.Header.Clone(), Length: r.ContentLength}
}

// usualAzure are the error codes that Azure sends with a status.
var usualAzure = map[int]string{
	400: "InvalidInput", 401: "InvalidAuthenticationInfo", 403: "AuthorizationPermissionMismatch", 404: "BlobNotFound", 409: "BlobArchived", 412: "ConditionNotMet",
	500: "InternalError", 503: "ServerBusy",
}

// isSum reports whether an answer's header is a checksum that the store keeps.
func isSum(name string) bool {
	return strings.HasPrefix(name, "X-Amz-Checksum-") || name == "Content-Md5" || name == "X-Ms-Blob-Content-Md5" || name == "X-Ms-Meta-Ferrycrc64"
}
