package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store/wire"
)

// What was let pass must be paid for before more passes, and who waits can be stopped.
func TestBandwidth(t *testing.T) {
	why := errors.New("stop")
	b := &bandwidth{rate: 1}
	if err := b.pass(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	if ahead := time.Until(b.free); ahead < time.Hour {
		t.Errorf("a MiB at 1 B/s is paid for in %v", ahead)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := b.pass(ctx, 1); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// Bodies pass whole in both directions, in slices, and all buckets share what there is.
func TestThrottledTransport(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))
	t.Cleanup(srv.Close)
	o := Options{Keys: awsconfig.S3{MaxBandwidth: 1 << 40}}
	rt := o.throttled(wire.New())
	if rt.(slowTransport).b != o.throttled(nil).(slowTransport).b {
		t.Error("each bucket has a bandwidth of its own")
	}
	text := strings.Repeat("0123456789", 10_000)
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPut, srv.URL, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var one [2 * slice]byte
	n, err := resp.Body.Read(one[:])
	if n > slice || err != nil {
		t.Errorf("%d bytes at once, %v", n, err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || string(one[:n])+string(rest) != text {
		t.Errorf("%d bytes, %v", n+len(rest), err)
	}
	if got := (Options{}).throttled(http.DefaultTransport); got != http.DefaultTransport {
		t.Error("throttled though nobody asked")
	}
}
