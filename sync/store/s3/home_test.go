package s3_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
)

// awsNet notes what goes to AWS, and reaches nobody.
type awsNet struct {
	mu    sync.Mutex
	asked []string
}

func (n *awsNet) Do(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, r.URL.Host+" "+scopeOf(r))
	return nil, errors.New("no route to host")
}

// scopeOf is the region that a request is signed for.
func scopeOf(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if parts := strings.Split(scope, "/"); len(parts) > 2 {
		return parts[2]
	}
	return "unsigned"
}

// A configuration without a region begins where this process runs. One with a region, or with an endpoint, does not ask where that is.
func TestBeginsAtHome(t *testing.T) {
	testenv.CleanAWS(t)
	for _, c := range []struct {
		about    string
		region   string // configured
		endpoint string
		home     string
		want     string
		asks     bool
	}{
		{"on an instance", "", "", "us-west-2", "bkt.s3.us-west-2.amazonaws.com us-west-2", true},
		{"in China", "", "", "cn-north-1", "bkt.s3.cn-north-1.amazonaws.com.cn cn-north-1", true},
		{"anywhere", "", "", "", "bkt.s3.us-east-1.amazonaws.com us-east-1", true},
		{"configured", "eu-west-3", "", "us-west-2", "bkt.s3.eu-west-3.amazonaws.com eu-west-3", false},
		{"another server", "", "http://127.0.0.1:1", "us-west-2", "127.0.0.1:1 us-east-1", false},
	} {
		net, asked := &awsNet{}, false
		cfg := aws.Config{HTTPClient: net, Region: c.region, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
		if c.endpoint != "" {
			cfg.BaseEndpoint = &c.endpoint
		}
		st := s3.New(cfg, "bkt", s3.Options{MaxAttempts: 1, Home: func() string { asked = true; return c.home }})
		if _, err := st.Open(t.Context(), "k", store.OpenOptions{}); !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: %v", c.about, err)
		}
		if asked != c.asks || len(net.asked) == 0 || net.asked[0] != c.want {
			t.Errorf("%s: sent to %q, want %q; asked where it runs: %v", c.about, net.asked, c.want, asked)
		}
	}
}
