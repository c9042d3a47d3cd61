package batch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// instance is a metadata service that says these words.
func instance(t *testing.T, words map[string]string) string {
	t.Helper()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		word, ok := words[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
		switch {
		case r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut:
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "token")
		case ok && r.Header.Get("X-Aws-Ec2-Metadata-Token") == "token":
			fmt.Fprint(w, word)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAskNode(t *testing.T) {
	words := map[string]string{"instance-type": "m7i.large", "placement/availability-zone": "us-east-1a", "instance-life-cycle": "spot"}
	n, err := AskNode(t.Context(), instance(t, words))
	if want := (Node{"m7i.large", "us-east-1a", "spot"}); err != nil || n != want {
		t.Errorf("%+v, %v", n, err)
	}
	for about, word := range map[string]string{"a page": "<html>", "orders to a terminal": "\x1b[2J", "nothing": "", "long": strings.Repeat("a", 1<<20)} {
		words["instance-life-cycle"] = word
		if n, err := AskNode(t.Context(), instance(t, words)); err == nil || n.Type != "m7i.large" || n.Purchase != "" {
			t.Errorf("%s: %+v, %v", about, n, err)
		}
	}
}

// A service that never answers is not waited for, once nobody wants the answer.
func TestAskNodeSilent(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	asked, done := make(chan struct{}, 10), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { asked <- struct{}{}; <-done }))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(done) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if n, err := AskNode(ctx, srv.URL); err == nil || n != (Node{}) {
		t.Errorf("%+v, %v", n, err)
	}
}
