package ecr

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/engine"
)

func client(e *registrytest.ECR) *Client {
	return &Client{Load: func(context.Context) (aws.Config, error) { return e.Config(), nil }}
}

func TestParseHost(t *testing.T) {
	for host, want := range map[string]string{
		"123456789012.dkr.ecr.us-east-1.amazonaws.com":          "123456789012 us-east-1",
		"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com": "123456789012 us-gov-west-1",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn":      "123456789012 cn-north-1",
		"123456789012.dkr-ecr.eu-west-1.on.aws":                 "123456789012 eu-west-1",
		"public.ecr.aws":                                        "",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.org": "",
		"evil.org": "",
		"12345678901.dkr.ecr.us-east-1.amazonaws.com": "",
	} {
		account, region, ok := parseHost(host)
		if got := strings.TrimSpace(account + " " + region); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", host, got, ok)
		}
	}
}

func TestLogin(t *testing.T) {
	e := registrytest.StartECR(t)
	c := client(e)
	if c.Owns(e.Host) {
		t.Error("a host is ECR's before anything said so")
	}
	home, err := c.Home(t.Context())
	if err != nil || home != e.Host || !c.Owns(home) {
		t.Fatalf("Home: %q, %v", home, err)
	}
	user, first, err := c.Login(t.Context(), home)
	if err != nil || user != "AWS" {
		t.Fatalf("Login: %q, %v", user, err)
	}
	if _, second, err := c.Login(t.Context(), home); err != nil || second == first {
		t.Errorf("a second login is the first one again: %v", err)
	}
}

func TestEnsure(t *testing.T) {
	e := registrytest.StartECR(t)
	c := client(e)
	for i, wantMade := range []bool{true, false} {
		if made, err := c.Ensure(t.Context(), e.Host, "a/module"); err != nil || made != wantMade {
			t.Fatalf("Ensure %d: %v, %v", i, made, err)
		}
	}
	if r := e.Repositories()["a/module"]; !r.Immutable || !r.ScanOnPush {
		t.Errorf("the repository: %+v", r)
	}
	e.Deny("DescribeRepositories")
	if made, err := c.Ensure(t.Context(), e.Host, "a/module"); err != nil || made {
		t.Errorf("Ensure without the right to look: %v, %v", made, err)
	}
	e.Deny("CreateRepository")
	_, err := c.Ensure(t.Context(), e.Host, "another")
	if !errors.Is(err, engine.ErrDenied) || !strings.Contains(err.Error(), "role/tester") {
		t.Errorf("Ensure without the right to create: %v", err)
	}
}

func TestDenied(t *testing.T) {
	e := registrytest.StartECR(t)
	e.Deny("GetAuthorizationToken")
	if _, err := client(e).Home(t.Context()); !errors.Is(err, engine.ErrDenied) {
		t.Errorf("Home: %v", err)
	}
	if _, _, err := client(e).Login(t.Context(), "123456789012.dkr.ecr.eu-west-1.amazonaws.com"); !errors.Is(err, engine.ErrDenied) {
		t.Errorf("Login: %v", err)
	}
}
