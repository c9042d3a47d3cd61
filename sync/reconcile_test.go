package sync_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// gateway stands before a server and changes the answers to reads of objects. They have no checksum, which would tell.
func gateway(t *testing.T, srv *testenv.Server, change func(*http.Response)) store.Store {
	target, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		FlushInterval: -1, // at once, or a short answer would get a length after all
		ErrorLog:      log.New(io.Discard, "", 0),
		ModifyResponse: func(resp *http.Response) error {
			if _, key, _ := strings.Cut(resp.Request.URL.Path[1:], "/"); resp.Request.Method == "GET" && key != "" && resp.StatusCode < 300 {
				for k := range resp.Header {
					if strings.HasPrefix(k, "X-Amz-Checksum-") {
						resp.Header.Del(k)
					}
				}
				change(resp)
			}
			return nil
		},
	})
	t.Cleanup(g.Close)
	via := *srv
	via.Endpoint = g.URL
	return s3At(&via)
}

func withoutLength(resp *http.Response) {
	resp.ContentLength = -1
	resp.Header.Del("Content-Length")
}

var lengths = map[string]string{"a": "alpha", "b": string(storetest.Bytes(200_000)), "c": string(storetest.Bytes(5 << 20)), "empty": ""}

// lengthsServer has them under "p".
func lengthsServer(t *testing.T) *testenv.Server {
	direct, srv := s3Store(t)
	src := t.TempDir()
	files(t, src, lengths)
	if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), direct, "p", ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	return srv
}

// An answer without a length, as gateways give, is read to its end.
func TestAnswersWithoutLength(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]int64{"whole": 0, "cut": 1, "cut late": 150_000} {
		t.Run(name, func(t *testing.T) {
			srv := lengthsServer(t)
			p := testenv.Proxy(t, srv.Endpoint)
			if cut > 0 {
				p.Add(testenv.Rule{Kind: "GetObject", Match: key("p/c"), Times: 2, Fault: testenv.Fault{Cut: cut}})
			}
			st := gateway(t, p.Via(srv), withoutLength)
			got, s, err := down(t, st)
			if err != nil || s.Files != 4 || s.Bytes != 5+200_000+5<<20 || (s.Retries > 0) != (cut > 0) {
				t.Errorf("%+v, %v", s, err)
			}
			sameTree(t, got, lengths)
			dst := t.TempDir()
			s, err = ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), st, "p/b", openRoot(t, dst), "b", ferrysync.Options{})
			if b, rerr := os.ReadFile(dst + "/b"); err != nil || s.Bytes != 200_000 || rerr != nil || string(b) != lengths["b"] {
				t.Errorf("one file: %+v, %v, %d bytes, %v", s, err, len(b), rerr)
			}
		})
	}
}

// An object that is not as long as it was listed, though it is the very one, is never taken for whole.
func TestAnswersOfAnotherLength(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(resp *http.Response, short io.ReadCloser){
		"without length": func(resp *http.Response, short io.ReadCloser) {
			resp.Body = short
			withoutLength(resp)
		},
		"with length": func(resp *http.Response, short io.ReadCloser) {
			n := resp.ContentLength - min(resp.ContentLength, 3)
			resp.Body, resp.ContentLength = short, n
			resp.Header.Set("Content-Length", strconv.FormatInt(n, 10))
		},
		"until the connection ends": func(resp *http.Response, short io.ReadCloser) {
			resp.Body = short
			withoutLength(resp)
			resp.Header.Set("Transfer-Encoding", "identity")
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := lengthsServer(t)
			st := gateway(t, srv, func(resp *http.Response) {
				n := resp.ContentLength - min(resp.ContentLength, 3)
				change(resp, struct {
					io.Reader
					io.Closer
				}{io.LimitReader(resp.Body, n), resp.Body})
			})
			got, s, err := down(t, st)
			if !ferrysync.IsPerFile(err) || s.Failed < 3 || !strings.Contains(err.Error(), "p/a") {
				t.Errorf("%+v, %v", s, err)
			}
			if name != "until the connection ends" && !errors.Is(err, store.ErrChanged) {
				t.Errorf("%v", err)
			}
			for name := range got {
				if name != "empty" {
					t.Errorf("%q is there, of %d bytes", name, len(got[name]))
				}
			}
		})
	}
}
