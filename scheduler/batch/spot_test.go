package batch

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/rs/zerolog"
)

// metadata is an instance's metadata service. answer gives its nth answer about spot notices, counted from 1.
func metadata(t *testing.T, answer func(n int64, w http.ResponseWriter)) *imds.Client {
	t.Helper()
	var looks atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "token")
		case "/latest/meta-data/spot/instance-action":
			answer(looks.Add(1), w)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return imds.New(imds.Options{Endpoint: srv.URL, ClientEnableState: imds.ClientEnabled, Retryer: aws.NopRetryer{}, EnableFallback: aws.FalseTernary})
}

// The notice is found though there was none at first, and though a look failed, which is told once.
func TestWatchSpot(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 2, 0, 0, time.UTC)
	client := metadata(t, func(n int64, w http.ResponseWriter) {
		switch n {
		case 1:
			http.Error(w, "no notice", http.StatusNotFound)
		case 2, 3:
			http.Error(w, "broken", http.StatusInternalServerError)
		case 4:
			fmt.Fprint(w, "no JSON")
		default:
			fmt.Fprintf(w, `{"action":"terminate","time":%q}`, at.Format(time.RFC3339))
		}
	})
	var log bytes.Buffer
	notices := make(chan SpotNotice, 1)
	watchSpot(t.Context(), client, time.Millisecond, zerolog.New(&log), notices)
	if n := <-notices; !n.At.Equal(at) {
		t.Errorf("the notice is for %v, want %v", n.At, at)
	}
	if n := strings.Count(log.String(), "looking for a spot notice"); n != 1 || !strings.Contains(log.String(), "500") {
		t.Errorf("%d warnings, where one about status 500 is due:\n%s", n, log.String())
	}
}

// The watch ends with its context, whether it waits for a notice or for somebody to take one.
func TestWatchSpotEnds(t *testing.T) {
	for about, body := range map[string]string{"no notice": "", "nobody listens": `{"action":"stop","time":"2026-11-25T12:00:00Z"}`} {
		ctx, cancel := context.WithCancel(t.Context())
		client := metadata(t, func(n int64, w http.ResponseWriter) {
			if body == "" {
				w.WriteHeader(http.StatusNotFound)
			} else {
				fmt.Fprint(w, body)
			}
			if n == 1 {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
		})
		var log bytes.Buffer
		watchSpot(ctx, client, time.Millisecond, zerolog.New(&log), make(chan SpotNotice))
		if ctx.Err() == nil || log.Len() > 0 {
			t.Errorf("%s: it ended with %v and said %q", about, ctx.Err(), log.String())
		}
		cancel()
	}
}

// An answer without a time is no notice.
func TestNoticeWithoutTime(t *testing.T) {
	client := metadata(t, func(_ int64, w http.ResponseWriter) { fmt.Fprint(w, `{"action":"hibernate"}`) })
	if n, err := lookForNotice(t.Context(), client); n != nil || err != nil {
		t.Errorf("notice %v, error %v", n, err)
	}
}
