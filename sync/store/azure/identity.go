package azure

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/sync/store/wire"
)

// maxFile is more than a token or a certificate with its chain has, in bytes.
const maxFile = 1 << 20

// resource is what tokens are for: any account's storage.
const resource = "https://storage.azure.com/"

// identities are the sources in the order of Azure's own libraries: a service principal that the environment names, a workload
// identity, a managed identity, and who is logged in with the Azure CLI. What the environment names is the only one.
// https://learn.microsoft.com/azure/developer/go/sdk/authentication/credential-chains
func (e surroundings) identities() []source {
	tenant, client := e.get("AZURE_TENANT_ID"), e.get("AZURE_CLIENT_ID")
	if tenant != "" && client != "" {
		p := principal{tenant: tenant, client: client, authority: e.get("AZURE_AUTHORITY_HOST"), http: &http.Client{Transport: wire.New()}}
		if secret := e.get("AZURE_CLIENT_SECRET"); secret != "" {
			return []source{{"AZURE_CLIENT_SECRET", p.by(func(string) (url.Values, error) { return url.Values{"client_secret": {secret}}, nil })}}
		}
		if file := e.get("AZURE_CLIENT_CERTIFICATE_PATH"); file != "" {
			return []source{{"AZURE_CLIENT_CERTIFICATE_PATH", p.by(func(audience string) (url.Values, error) { return p.certified(file, audience) })}}
		}
		if file := e.get("AZURE_FEDERATED_TOKEN_FILE"); file != "" {
			return []source{{"AZURE_FEDERATED_TOKEN_FILE", p.by(func(string) (url.Values, error) {
				text, err := bounded.File(file, maxFile) // which is renewed by whoever made it
				return assertion(strings.TrimSpace(string(text))), err
			})}}
		}
	}
	m := managed{client: client, endpoint: e.get("IDENTITY_ENDPOINT"), header: e.get("IDENTITY_HEADER"), host: e.get("AZURE_POD_IDENTITY_AUTHORITY_HOST")}
	return []source{{"the managed identity", m.get}, {"the Azure CLI", fromCLI}}
}

// A principal is an application that proves who it is.
type principal struct {
	tenant, client, authority string
	http                      *http.Client
}

// by gets tokens with the proof that a function gives for an audience.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (p principal) by(proof func(audience string) (url.Values, error)) func(context.Context) (token, error) {
	return func(ctx context.Context) (token, error) {
		authority := p.authority
		if authority == "" {
			authority = "https://login.microsoftonline.com"
		}
		at, err := url.Parse(authority)
		if err != nil || at.Scheme != "https" && !loopback(at.Hostname()) {
			return token{}, errors.New("AZURE_AUTHORITY_HOST is no https URL")
		}
		at = at.JoinPath(p.tenant, "oauth2/v2.0/token")
		form, err := proof(at.String())
		if err != nil {
			return token{}, err
		}
		form.Set("client_id", p.client)
		form.Set("grant_type", "client_credentials")
		form.Set("scope", resource+".default")
		rq, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(form.Encode()))
		if err != nil {
			return token{}, err
		}
		rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return ask(p.http, rq)
	}
}

func assertion(text string) url.Values {
	return url.Values{"client_assertion": {text}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

// certified makes an assertion that a certificate's key signs.
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (p principal) certified(file, audience string) (url.Values, error) {
	text, err := bounded.File(file, maxFile)
	if err != nil {
		return nil, err
	}
	var cert []byte
	var key *rsa.PrivateKey
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		switch b.Type {
		case "CERTIFICATE":
			if cert == nil {
				cert = b.Bytes
			}
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(b.Bytes)
			if err != nil {
				return nil, err
			}
			key, _ = parsed.(*rsa.PrivateKey)
		case "RSA PRIVATE KEY":
			if key, err = x509.ParsePKCS1PrivateKey(b.Bytes); err != nil {
				return nil, err
			}
		}
	}
	if cert == nil || key == nil {
		return nil, fmt.Errorf("%q has no certificate in PEM with an RSA key that is not encrypted", file)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	sum := sha256.Sum256(cert)
	now := time.Now()
	head, err := json.Marshal(map[string]string{"alg": "PS256", "typ": "JWT", "x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])})
	if err != nil {
		return nil, err
	}
	claims, err := json.Marshal(map[string]any{"aud": audience, "iss": p.client, "sub": p.client, "jti": fmt.Sprintf("%x", id),
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(10 * time.Minute).Unix()})
	if err != nil {
		return nil, err
	}
	toSign := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(toSign))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	if err != nil {
		return nil, err
	}
	return assertion(toSign + "." + base64.RawURLEncoding.EncodeToString(sig)), nil
}

// A managed identity is the machine's own: of App Service and Container Apps, where the environment has an endpoint, else of a virtual
// machine, of AKS's nodes and of Azure Batch, whose metadata service is asked.
type managed struct{ client, endpoint, header, host string }

// imdsWithin is how long the metadata service is waited for: it is beside the machine, or nowhere.
const imdsWithin = time.Second

// get gets a token.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
// https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
func (m managed) get(ctx context.Context) (token, error) {
	q := url.Values{"resource": {resource}}
	if m.client != "" {
		q.Set("client_id", m.client)
	}
	direct := &http.Transport{DialContext: (&net.Dialer{Timeout: imdsWithin}).DialContext, DisableKeepAlives: true} // never by a proxy
	client := &http.Client{Transport: direct}
	if m.endpoint != "" && m.header != "" {
		q.Set("api-version", "2019-08-01")
		rq, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint+"?"+q.Encode(), nil)
		if err != nil {
			return token{}, errors.New("IDENTITY_ENDPOINT is no URL")
		}
		rq.Header.Set("X-IDENTITY-HEADER", m.header)
		return ask(client, rq)
	}
	host := m.host
	if host == "" {
		host = "http://169.254.169.254"
	}
	q.Set("api-version", "2018-02-01")
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(host, "/")+"/metadata/identity/oauth2/token?"+q.Encode(), nil)
	if err != nil {
		return token{}, errAbsent
	}
	rq.Header.Set("Metadata", "true")
	t, err := ask(client, rq)
	var op *net.OpError
	if err != nil && ctx.Err() == nil && (errors.As(err, &op) && op.Op == "dial" || !worthAnother(err)) {
		return t, errAbsent // no such service, another cloud's, or a machine without an identity
	}
	return t, err
}

// fromCLI asks the Azure CLI. It is started as it is, without a shell.
// https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
func fromCLI(ctx context.Context) (token, error) {
	program, err := exec.LookPath("az")
	if err != nil {
		return token{}, errAbsent
	}
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program, "account", "get-access-token", "--output", "json", "--resource", resource)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n") // mostly that nobody is logged in
		return token{}, absence{first}
	}
	var a struct {
		AccessToken string `json:"accessToken"`
		ExpiresOn   int64  `json:"expires_on"`
		Local       string `json:"expiresOn"` // of older ones
	}
	if err := json.Unmarshal(out, &a); err != nil || a.AccessToken == "" {
		return token{}, errors.New("the answer has no token")
	}
	t := token{text: a.AccessToken, expires: time.Unix(a.ExpiresOn, 0)}
	if a.ExpiresOn == 0 {
		if t.expires, err = time.ParseInLocation("2006-01-02 15:04:05.999999", a.Local, time.Local); err != nil {
			t.expires = time.Now().Add(2 * renewBefore)
		}
	}
	return t, nil
}
