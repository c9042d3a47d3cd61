package azure_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// list lists a store, and gives its error.
func list(t *testing.T, st store.Store) error {
	t.Helper()
	for _, err := range st.List(t.Context(), "") {
		if err != nil {
			return err
		}
	}
	return nil
}

// Each thing that can be wrong with where a container is and who may see it has a message that says what to do, and shows no secret.
func TestWrongPlace(t *testing.T) {
	c := testenv.Azure(t)
	endpoint := "BlobEndpoint=" + c.Endpoint
	connect := func(rest string) []string {
		return []string{"AZURE_STORAGE_CONNECTION_STRING=AccountName=" + c.Account + ";" + endpoint + ";" + rest}
	}
	expired := sas(t, c, "racwdl", time.Now().Add(-time.Hour))
	readonly := sas(t, c, "r", time.Now().Add(time.Hour))
	whole := sas(t, c, "racwdl", time.Now().Add(time.Hour))
	service := []string{"AZURE_STORAGE_SERVICE_ENDPOINT=" + c.Endpoint}
	for name, w := range map[string]struct {
		url  string
		env  []string
		kind error
		says []string // in error or hint
	}{
		"no container":         {"az://" + c.Account + "/missing", c.Env(), store.ErrNoBucket, []string{"names of account and container"}},
		"another's key":        {c.URL, connect("AccountKey=" + "QUFBQQ=="), store.ErrDenied, []string{"that of the account"}},
		"expired SAS":          {c.URL, connect("SharedAccessSignature=" + expired), store.ErrCredentials, []string{"expired on", "make another"}},
		"SAS that cannot list": {c.URL, connect("SharedAccessSignature=" + readonly), store.ErrDenied, []string{"permissions rl"}},
		"SAS cut off":          {c.URL, connect("SharedAccessSignature=" + strings.Replace(whole, "sig=", "sig=AA", 1)), store.ErrDenied, []string{"signature whole"}},
		"another account's connection string": {c.URL, append(service, "AZURE_STORAGE_CONNECTION_STRING=AccountName=other;AccountKey=QUFBQQ==", "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1"),
			store.ErrCredentials, []string{`is of the account "other"`}},
		"no credentials": {c.URL, append(service, "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1"), store.ErrCredentials, []string{"no credentials were found", "az login"}},
	} {
		t.Setenv("PATH", t.TempDir()) // no Azure CLI
		err := list(t, open(t, w.url, w.env, nil))
		hint := cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err))
		if !errors.Is(err, w.kind) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range w.says {
			if !strings.Contains(err.Error()+hint, s) {
				t.Errorf("%s: nothing of %q in %v, hint %q", name, s, err, hint)
			}
		}
		for _, secret := range []string{"sig=", url.QueryEscape(c.Key), c.Key, "QUFBQQ"} {
			if strings.Contains(fmt.Sprintf("%v %+v %s", err, err, hint), secret) {
				t.Errorf("%s: the message shows %q", name, secret)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", name, err)
		}
	}
	// What Azure's service answers, and Azurite does not.
	p := testenv.Proxy(t, c.Endpoint)
	for code, w := range map[string]struct {
		status int
		kind   error
		hint   string
	}{
		"AuthenticationFailed":               {403, store.ErrCredentials, "is the key that was found that of"},
		"AuthorizationFailure":               {403, store.ErrDenied, "firewall"},
		"KeyBasedAuthenticationNotPermitted": {403, store.ErrCredentials, "the account takes no keys"},
		"AccountIsDisabled":                  {403, store.ErrDenied, "its owner can enable it"},
		"ContainerBeingDeleted":              {409, store.ErrNoBucket, "in some minutes"},
		"ResourceNotFound":                   {404, store.ErrNoBucket, "names of account and container"},
	} {
		p.Clear()
		p.Add(testenv.Rule{Fault: testenv.Fault{Status: w.status, Code: code}})
		err := list(t, open(t, c.URL, c.Via(p).Env(), nil))
		if hint := cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)); !errors.Is(err, w.kind) || !strings.Contains(hint, w.hint) || p.Count("") != 1 {
			t.Errorf("%s: %v, hint %q, %d requests", code, err, hint, p.Count(""))
		}
	}
	// An account that is not there has no address.
	err := list(t, open(t, "az://nosuchaccountferry/ccc", []string{"AZURE_STORAGE_SERVICE_ENDPOINT=http://nosuchaccountferry.invalid", "AZURE_STORAGE_ACCOUNT=nosuchaccountferry", "AZURE_STORAGE_KEY=QUFBQQ=="}, nil))
	if hint := cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)); !errors.Is(err, store.ErrUnreachable) || !strings.Contains(hint, `is there an account "nosuchaccountferry"?`) {
		t.Errorf("%v, hint %q", err, hint)
	}
	// The whole one works, in the connection string and alone.
	for _, env := range [][]string{connect("SharedAccessSignature=" + whole), append(service, "AZURE_STORAGE_ACCOUNT="+c.Account, "AZURE_STORAGE_SAS_TOKEN=?"+whole),
		append(service, "AZURE_STORAGE_ACCOUNT="+c.Account, "AZURE_STORAGE_KEY="+c.Key)} {
		st := open(t, c.URL, env, nil)
		if _, err := st.Put(t.Context(), "a b/ü", store.Body{Bytes: []byte("x")}, store.PutOptions{}); err != nil {
			t.Error(err)
		}
		if got := storetest.List(t, st, ""); !slices.Equal(got, []string{"a b/ü"}) {
			t.Errorf("listed %q", got)
		}
	}
}

// What cannot be an account, a container or a credential is said before anything is sent.
func TestUnusable(t *testing.T) {
	for raw, says := range map[string]string{
		"az://":                    "names no account",
		"az://account":             "names no container",
		"az://account/":            "names no container",
		"az://Account/c":           "small letters",
		"az://account/Con_tainer/": "single dashes",
		"az://account/a--b":        "single dashes",
	} {
		if _, _, err := store.Parse(raw, []store.Kind{azure.Kind}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for env, says := range map[string]string{
		"AZURE_STORAGE_CONNECTION_STRING=nonsense":                                "copy it whole",
		"AZURE_STORAGE_CONNECTION_STRING=AccountName=account":                     "neither AccountKey nor",
		"AZURE_STORAGE_CONNECTION_STRING=AccountName=account;AccountKey=secret!!": "no account key",
		"AZURE_STORAGE_CONNECTION_STRING=AccountKey=QUFBQQ==":                     "neither AccountName nor",
	} {
		at, kind, err := store.Parse("az://account/container", []store.Kind{azure.Kind})
		if err != nil {
			t.Fatal(err)
		}
		_, err = kind.Open(t.Context(), store.Opening{Location: at, Lookup: lookup([]string{env})})
		if cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret!!") || strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%q: %v", env, err)
		}
	}
}

// A directory of tokens stands for Microsoft Entra ID, a metadata service, and an account that takes its tokens.
type entra struct {
	*httptest.Server
	given atomic.Int64 // tokens
	valid atomic.Int64 // the number of the token that the account takes
	seen  chan url.Values
}

func startEntra(t *testing.T) *entra {
	t.Helper()
	e := &entra{seen: make(chan url.Values, 100)}
	mux := http.NewServeMux()
	give := func(w http.ResponseWriter, q url.Values) {
		n := e.given.Add(1)
		e.valid.Store(n)
		select {
		case e.seen <- q:
		default:
		}
		_, _ = fmt.Fprintf(w, `{"access_token": "token-%d", "expires_in": 3600, "token_type": "Bearer"}`, n)
	}
	mux.HandleFunc("POST /tenant/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if r.PostForm.Get("client_secret") == "wrong" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}`)
			return
		}
		give(w, r.PostForm)
	})
	mux.HandleFunc("GET /metadata/identity/oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata") != "true" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		give(w, r.URL.Query())
	})
	mux.HandleFunc("GET /msi", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Identity-Header") != "proof" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		give(w, r.URL.Query())
	})
	mux.HandleFunc("GET /account/container", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != fmt.Sprintf("Bearer token-%d", e.valid.Load()) {
			refuse(w, http.StatusUnauthorized, "InvalidAuthenticationInfo")
			return
		}
		_, _ = fmt.Fprint(w, `<?xml version="1.0"?><EnumerationResults><Blobs /><NextMarker /></EnumerationResults>`)
	})
	e.Server = httptest.NewServer(mux)
	t.Cleanup(e.Close)
	return e
}

// Tokens come from wherever Azure's tools would get them, one for all requests; what is wrong with them is said.
func TestTokens(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	e := startEntra(t)
	federated := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(federated, []byte("jwt\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	service := []string{"AZURE_STORAGE_SERVICE_ENDPOINT=" + e.URL + "/account", "AZURE_AUTHORITY_HOST=" + e.URL}
	principal := append(slices.Clone(service), "AZURE_TENANT_ID=tenant", "AZURE_CLIENT_ID=me")
	for name, c := range map[string]struct {
		env  []string
		want url.Values
	}{
		"secret":       {append(principal, "AZURE_CLIENT_SECRET=s+cret"), url.Values{"client_secret": {"s+cret"}, "client_id": {"me"}, "scope": {"https://storage.azure.com/.default"}}},
		"federated":    {append(principal, "AZURE_FEDERATED_TOKEN_FILE="+federated), url.Values{"client_assertion": {"jwt"}}},
		"certificate":  {append(principal, "AZURE_CLIENT_CERTIFICATE_PATH="+certificate(t)), url.Values{"grant_type": {"client_credentials"}}},
		"machine":      {append(slices.Clone(service), "AZURE_POD_IDENTITY_AUTHORITY_HOST="+e.URL), url.Values{"resource": {"https://storage.azure.com/"}}},
		"machine, one": {append(slices.Clone(service), "AZURE_POD_IDENTITY_AUTHORITY_HOST="+e.URL, "AZURE_CLIENT_ID=me"), url.Values{"client_id": {"me"}}},
		"app service":  {append(slices.Clone(service), "IDENTITY_ENDPOINT="+e.URL+"/msi", "IDENTITY_HEADER=proof"), url.Values{"api-version": {"2019-08-01"}}},
	} {
		st := open(t, "az://account/container", c.env, nil)
		before := e.given.Load()
		for range 3 {
			if err := list(t, st); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := e.given.Load() - before; n != 1 {
			t.Errorf("%s: %d tokens", name, n)
			continue
		}
		got := <-e.seen
		for k := range c.want {
			if got.Get(k) != c.want.Get(k) {
				t.Errorf("%s: %s is %q, want %q", name, k, got.Get(k), c.want.Get(k))
			}
		}
	}

	err := list(t, open(t, "az://account/container", append(principal, "AZURE_CLIENT_SECRET=wrong"), nil))
	if !errors.Is(err, store.ErrCredentials) || !strings.Contains(err.Error(), "AADSTS7000215: Invalid client secret") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	// A token that was got just now and is refused is not asked for again and again.
	st := open(t, "az://account/container", append(principal, "AZURE_CLIENT_SECRET=right"), nil)
	if err := list(t, st); err != nil {
		t.Error(err)
	}
	e.valid.Store(-1)
	before := e.given.Load()
	if err := list(t, st); !errors.Is(err, store.ErrCredentials) || e.given.Load() != before {
		t.Errorf("%v, %d tokens more", err, e.given.Load()-before)
	}
}

// Who is logged in with the Azure CLI is asked as the last one.
func TestCLI(t *testing.T) {
	e := startEntra(t)
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	answer, err := json.Marshal(map[string]any{"accessToken": "token-7", "expires_on": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	e.valid.Store(7)
	env := []string{"AZURE_STORAGE_SERVICE_ENDPOINT=" + e.URL + "/account", "AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1"}
	for _, c := range []struct {
		script string
		kind   error
		says   string
	}{
		{"#!/bin/sh\n[ \"$*\" = 'account get-access-token --output json --resource https://storage.azure.com/' ] && echo '" + string(answer) + "'\n", nil, ""},
		{"#!/bin/sh\necho \"Please run 'az login' to setup account.\" >&2\nexit 1\n", store.ErrCredentials, "Please run 'az login'"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "az"), []byte(c.script), 0o755); err != nil {
			t.Fatal(err)
		}
		err := list(t, open(t, "az://account/container", env, nil))
		if !errors.Is(err, c.kind) || c.says != "" && !strings.Contains(cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)), c.says) {
			t.Errorf("%v", err)
		}
	}
}

// URLs of Azure's own hosts are Azure's, with the signature kept apart; other web servers' are not.
func TestClaims(t *testing.T) {
	for raw, want := range map[string]store.Location{
		"https://account.blob.core.windows.net/container/a%20b/c?sv=1&sig=x%3D": {Scheme: "az", Bucket: "account/container", Prefix: "a b/c", Secret: "sv=1&sig=x%3D"},
		"https://account.blob.core.windows.net/container":                       {Scheme: "az", Bucket: "account/container"},
		"https://account.blob.core.usgovcloudapi.net/container/p":               {Scheme: "az", Bucket: "account.blob.core.usgovcloudapi.net/container", Prefix: "p"},
		"https://account.z01.blob.storage.azure.net/container/p/":               {Scheme: "az", Bucket: "account.z01.blob.storage.azure.net/container", Prefix: "p"},
		"https://account.blob.core.windows.net.example.org/container/p":         {},
		"http://account.blob.core.windows.net/container/p":                      {},
		"https://account.blob.core.windows.net/container/x.fa?sig=1#sha256=00":  {},
		"https://user:secret@account.blob.core.windows.net/container/p":         {},
	} {
		got, _, err := store.Parse(raw, []store.Kind{azure.Kind})
		if got != want || (err != nil) != (want == store.Location{}) {
			t.Errorf("%s: %q %q %q, %v", raw, got.Bucket, got.Prefix, got.Secret.Reveal(), err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); strings.Contains(text, "sig=") {
			t.Errorf("%s is shown as %s", raw, text)
		}
		if again, _, err := store.Parse(got.String(), []store.Kind{azure.Kind}); want.Bucket != "" && (err != nil || again.Bucket != got.Bucket || again.Prefix != got.Prefix) {
			t.Errorf("%s becomes %s, %v", raw, got, err)
		}
	}
}
