package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSecretPrintsRedacted(t *testing.T) {
	c := Credential{User: "ann", Password: "hush"}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q %v %x", c, c, c.Password, c.Password, &c, c.Password), string(text)} {
		if strings.Contains(got, "hush") || strings.Contains(got, "68757368") {
			t.Errorf("printed: %s", got)
		}
	}
	if c.Password.Reveal() != "hush" {
		t.Error("Reveal")
	}
}

func auth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestConfig(t *testing.T) {
	c, err := ParseConfig([]byte(`{"auths": {
		"https://index.docker.io/v1/": {"auth": "` + auth("hub", "pw:with:colons") + `"},
		"127.0.0.1:5000": {"username": "plain", "password": "pw"},
		"token.example.org": {"auth": "` + auth("x", "y") + `", "identitytoken": "it"},
		"helped.example.org": {}
	}, "credHelpers": {"helped.example.org": "desktop"}, "credsStore": "desktop"}`))
	if err != nil {
		t.Fatal(err)
	}
	l := Logins{Config: c}
	for host, want := range map[string]string{
		"docker.io": "hub pw:with:colons", "127.0.0.1:5000": "plain pw", "token.example.org": tokenUser + " it", "helped.example.org": " ", "other.org": " ",
	} {
		user, password, err := l.Login(t.Context(), host)
		if got := user + " " + password; err != nil || got != want {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
	if len(c.Helpers) != 1 || c.Helpers[0] != "helped.example.org" {
		t.Errorf("helpers: %v", c.Helpers)
	}
}

func TestConfigErrorsDoNotQuote(t *testing.T) {
	for _, text := range []string{`{"auths": {"h": {"auth": "c2VjcmV0"}}}`, `{"auths": {"h": {"auth": "hush hush"}}}`, `{"auths": "hush"}`, `{"auths": {"h": {"password": "hush"`} {
		_, err := ParseConfig([]byte(text))
		if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ParseConfig(nil); err != nil {
		t.Errorf("no file: %v", err)
	}
}

type issuer struct{ err error }

func (i issuer) Owns(host string) bool { return strings.HasSuffix(host, ".ecr") }
func (i issuer) Login(context.Context, string) (string, string, error) {
	return "AWS", "fresh", i.err
}

func TestOrder(t *testing.T) {
	known, err := ParseConfig([]byte(`{"auths": {"a.ecr": {"username": "filed", "password": "pw"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	none := errors.New("no credentials")
	for _, test := range []struct {
		l          Logins
		host, want string
		err        error
	}{
		{Logins{Given: Credential{"ann", "pw"}, GivenHost: "r.org"}, "r.org", "ann", nil},
		{Logins{Given: Credential{"ann", "pw"}, GivenHost: "r.org"}, "evil.org", "", nil},
		{Logins{Given: Credential{"ann", "pw"}, GivenHost: "index.docker.io"}, "docker.io", "ann", nil},
		{Logins{Issuers: []Issuer{issuer{}}, Config: known}, "a.ecr", "AWS", nil},
		{Logins{Issuers: []Issuer{issuer{none}}, Config: known}, "a.ecr", "filed", nil},
		{Logins{Issuers: []Issuer{issuer{none}}, Config: known}, "b.ecr", "", none},
		{Logins{Issuers: []Issuer{issuer{none}}, Config: known}, "r.org", "", nil},
	} {
		user, _, err := test.l.Login(t.Context(), test.host)
		if user != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %q, %v; want %q, %v", test.host, user, err, test.want, test.err)
		}
	}
}
