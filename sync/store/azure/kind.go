package azure

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
)

// Kind is Azure Blob Storage, with credentials as Azure's own tools find them.
var Kind = store.Kind{
	Name:    "Azure Blob Storage",
	Schemes: []string{"az"},
	Form:    "az://ACCOUNT/CONTAINER/PREFIX",
	Parse:   parse,
	Claims:  claims,
	Can:     store.Everything,
	Options: fields.Options(),
	Hints:   hints,
	Open: func(ctx context.Context, at store.Opening) (store.Store, error) {
		o, err := fields.Read(at.Settings)
		if err != nil {
			return nil, err
		}
		p, err := find(at)
		if err != nil {
			return nil, &cause.Error{Cause: cause.Usage, Err: err}
		}
		s, err := New(p, o)
		if err != nil { // a nil *Store is no nil Store
			return nil, err
		}
		return s, nil
	},
}

// leastBlock keeps a mistake such as 8 for 8m from making a million requests, in bytes.
const leastBlock = 1 << 20

var fields = store.Fields[Options]{
	store.WaitField(func(o *Options) *time.Duration { return &o.Timeouts.Patience }),
	{Name: "az-block-size", Arg: "SIZE", Hidden: true, Usage: "send what is larger than SIZE in blocks of that size",
		Set: func(o *Options, v string) error {
			n, err := units.RAMInBytes(v)
			if err != nil {
				return fmt.Errorf("%q is no size", v)
			}
			if n < leastBlock || n > maxBlock {
				return fmt.Errorf("%q is not from 1m to 4000m", v)
			}
			o.BlockSize = n
			return nil
		}},
}

// Names of accounts and containers. $root, $web and $logs are containers of the service's own.
// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^([a-z0-9](-?[a-z0-9]){2,62}|\$root|\$web|\$logs)$`)
)

// claims takes https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX, as the portal and Azure's tools write it, with a shared access
// signature in the query or without. In such a URL names are escaped. The host of another of Azure's clouds stays in place of the account.
func claims(scheme, rest string) (own string, secret store.Secret, ok bool) {
	name, path, _ := strings.Cut(rest, "/")
	if scheme != "https" || !azures(strings.ToLower(name)) {
		return "", "", false
	}
	path, query, _ := strings.Cut(path, "?")
	if _, _, isDigest := strings.Cut(path+query, "#"); isDigest { // it is a file whose content is known, which a web server's URL says
		return "", "", false
	}
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	account := strings.TrimSuffix(strings.ToLower(name), ".blob.core.windows.net")
	if !accountName.MatchString(account) {
		account = strings.ToLower(name)
	}
	return account + "/" + path, store.Secret(query), true
}

// parse splits ACCOUNT/CONTAINER/PREFIX. Bucket is ACCOUNT/CONTAINER. A host of Azure's may stand for the account.
func parse(rest string) (bucket, prefix string, err error) {
	account, rest, _ := strings.Cut(rest, "/")
	container, prefix, _ := strings.Cut(rest, "/")
	switch {
	case account == "":
		return "", "", errors.New("names no account")
	case container == "":
		return "", "", errors.New("names no container")
	case !accountName.MatchString(account) && !azures(account):
		return "", "", fmt.Errorf("has the account %q, whose name has 3 to 24 small letters and digits", account)
	case !containerName.MatchString(container):
		return "", "", fmt.Errorf("has the container %q, whose name has 3 to 63 small letters, digits and single dashes between them", container)
	}
	return account + "/" + container, prefix, nil
}

// host is that of an account's blobs, in Azure's clouds.
// https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints
var host = regexp.MustCompile(`^[a-z0-9]{3,24}(-secondary)?(\.z[0-9]{1,2})?\.blob\.(core\.windows\.net|storage\.azure\.net|core\.usgovcloudapi\.net|core\.chinacloudapi\.cn)$`)

// azures reports whether a host is Azure's own.
func azures(name string) bool { return host.MatchString(name) }
