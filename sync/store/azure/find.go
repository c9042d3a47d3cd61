package azure

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/genepattern/ferry/sync/store"
)

// The account of Azurite and of the emulators before it, whose key everybody knows.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
const (
	emulatorAccount  = "devstoreaccount1"
	emulatorKey      = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	emulatorEndpoint = "http://127.0.0.1:10000/devstoreaccount1"
)

// find makes a Place of a URL and the environment. It sends nothing.
func find(at store.Opening) (Place, error) {
	name, container, _ := strings.Cut(at.Bucket, "/")
	account, _, isHost := strings.Cut(name, ".")
	p := Place{Account: account, Container: container, hosted: isHost, Endpoint: "https://" + account + ".blob.core.windows.net", Shown: at.Scheme + "://" + at.Bucket}
	if isHost {
		p.Endpoint = "https://" + name
		p.Account = strings.TrimSuffix(account, "-secondary")
	}
	e := surroundings{lookup: at.Lookup}
	if at.Secret != "" {
		p.auth = newSAS(at.Secret.Reveal())
		return p, nil
	}
	if v := e.get("AZURE_STORAGE_SERVICE_ENDPOINT"); v != "" {
		p.Endpoint = strings.TrimRight(v, "/")
	}
	err := e.credentials(&p)
	return p, err
}

// surroundings are the environment.
type surroundings struct {
	lookup func(string) (string, bool)
}

func (e surroundings) get(name string) string {
	if e.lookup == nil {
		return ""
	}
	v, _ := e.lookup(name)
	return strings.TrimSpace(v)
}

// credentials are those of the first place that has some for this account: a connection string, a key, a shared access signature, and
// then what gives tokens. What is for another account is passed over, and the message says so if there is nothing else.
func (e surroundings) credentials(p *Place) error {
	var passed []string
	if v := e.get("AZURE_STORAGE_CONNECTION_STRING"); v != "" {
		c, err := parseConnection(v)
		if err != nil {
			return fmt.Errorf("AZURE_STORAGE_CONNECTION_STRING: %w", err)
		}
		if c.account == "" || c.account == p.Account {
			if c.endpoint != "" && !p.hosted {
				p.Endpoint = c.endpoint
			}
			p.auth = c.auth
			return nil
		}
		passed = append(passed, "AZURE_STORAGE_CONNECTION_STRING is of the account \""+c.account+"\"")
	}
	if own := e.get("AZURE_STORAGE_ACCOUNT"); own == "" || own == p.Account {
		if v := e.get("AZURE_STORAGE_KEY"); v != "" && own != "" {
			k, err := newKey(own, v)
			if err != nil {
				return fmt.Errorf("AZURE_STORAGE_KEY: %w", err)
			}
			p.auth = k
			return nil
		}
		if v := e.get("AZURE_STORAGE_SAS_TOKEN"); v != "" {
			p.auth = newSAS(v)
			return nil
		}
	} else if e.get("AZURE_STORAGE_KEY")+e.get("AZURE_STORAGE_SAS_TOKEN") != "" {
		passed = append(passed, "AZURE_STORAGE_ACCOUNT is \""+own+"\"")
	}
	p.auth = &bearer{sources: e.identities(), passed: strings.Join(passed, ", ")}
	return nil
}

func newKey(account, text string) (*sharedKey, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 { // whose text would show the key
		return nil, errors.New("it is no account key, which is base64")
	}
	return &sharedKey{account: account, key: key}, nil
}

// A connection is what a connection string says.
type connection struct {
	account  string // "" where it does not say
	endpoint string // of blobs; "" for the account's usual one
	auth     authorizer
}

// parseConnection reads NAME=VALUE;NAME=VALUE. Its errors show no value.
func parseConnection(text string) (c connection, err error) {
	v := map[string]string{}
	for _, part := range strings.Split(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return c, errors.New("it is not of the form NAME=VALUE;NAME=VALUE: copy it whole from the account's access keys, and quote it")
		}
		v[strings.ToLower(name)] = value
	}
	c.account, c.endpoint = v["accountname"], strings.TrimRight(v["blobendpoint"], "/")
	if strings.EqualFold(v["usedevelopmentstorage"], "true") {
		c.account = emulatorAccount
		v["accountkey"] = emulatorKey
		if c.endpoint == "" {
			c.endpoint = emulatorEndpoint
		}
	}
	if c.account == "" && c.endpoint == "" {
		return c, errors.New("it has neither AccountName nor BlobEndpoint")
	}
	if c.endpoint == "" {
		protocol, suffix := v["defaultendpointsprotocol"], v["endpointsuffix"]
		if protocol == "" {
			protocol = "https"
		}
		if suffix == "" {
			suffix = "core.windows.net"
		}
		c.endpoint = protocol + "://" + c.account + ".blob." + suffix
	}
	switch {
	case v["accountkey"] != "":
		if c.account == "" {
			return c, errors.New("it has an AccountKey and no AccountName")
		}
		if c.auth, err = newKey(c.account, v["accountkey"]); err != nil {
			return c, fmt.Errorf("AccountKey: %w", err)
		}
	case v["sharedaccesssignature"] != "":
		c.auth = newSAS(v["sharedaccesssignature"])
	default:
		return c, errors.New("it has neither AccountKey nor SharedAccessSignature")
	}
	return c, nil
}
