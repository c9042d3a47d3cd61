package syncscript

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/cause"
)

func TestWget(t *testing.T) {
	tries := map[string]int{}
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		tries[r.URL.Path]++
		n := tries[r.URL.Path]
		mu.Unlock()
		switch r.URL.Path {
		case "/data.gct":
			w.Header().Set("Set-Cookie", "session=secret")
			fmt.Fprintf(w, "content for %s", r.URL.RawQuery)
		case "/once":
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, "second try")
		case "/short":
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "cut")
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/iam/", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/hang":
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	script := strings.ReplaceAll(`
mkdir -p "/local/jobs/101/in puts"
wget -S -T 60 -O "/local/jobs/101/in puts/data.gct" "URL/data.gct?acc=1&key=hidden" >> /local/jobs/101.meta/http_downloads.log 2>&1
wget -qO /local/jobs/101/once URL/once
wget -S -T 60 -O /local/jobs/101/missing "URL/none?sig=hidden" || echo "could not fetch it" >> /local/jobs/101.meta/http_downloads.log
wget -O /local/jobs/101/short URL/short
wget -O /local/jobs/101/away URL/away || true
wget -O /local/jobs/101/loop URL/loop || true
wget -T 0.2 -O /local/jobs/101/hang URL/hang || true
wget -O /local/jobs/101/meta "http://169.254.170.2/v2/credentials" || rm -f /local/jobs/101/meta
wget -O /local/jobs/101/mapped "http://[::ffff:169.254.169.254]/" || true
wget -O /local/jobs/101/none http://127.0.0.1:1/ || true
`, "URL", srv.URL)
	b := newBench(t, script)
	if err := b.run(t); err != nil {
		t.Fatal(err)
	}
	got := b.files(t)
	if got["jobs/101/in puts/data.gct"] != "content for acc=1&key=hidden" || got["jobs/101/once"] != "second try" {
		t.Errorf("files are %q", got)
	}
	log := got["jobs/101.meta/http_downloads.log"]
	if !strings.Contains(log, "200 OK") || !strings.HasSuffix(log, "could not fetch it\n") || !strings.Contains(log, "28 bytes saved") {
		t.Errorf("log is %q", log)
	}
	delete(got, "jobs/101/in puts/data.gct")
	delete(got, "jobs/101/once")
	delete(got, "jobs/101.meta/http_downloads.log")
	if len(got) != 0 {
		t.Errorf("failed downloads left %q", got)
	}
	all := log + b.log.String() + strings.Join(b.warnings, "\n")
	if strings.Contains(all, "hidden") || strings.Contains(all, "secret") {
		t.Errorf("a secret is in a log: %s", all)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(b.warnings) != 8 || tries["/short"] != wgetTries || tries["/none"] != 1 {
		t.Errorf("warnings are %q, tries %v", b.warnings, tries)
	}
	for _, w := range b.warnings {
		if strings.Contains(w, "169.254") && !strings.Contains(w, errForbidden.Error()) {
			t.Errorf("warning is %q", w)
		}
	}
}

func TestAllowed(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.0.0.5": true, "93.184.216.34": true, "2606:2800::1": true,
		"169.254.169.254": false, "169.254.170.2": false, "169.254.170.23": false, "::ffff:169.254.169.254": false, "fd00:ec2::254": false,
		"fd00:ec2::23": false, "fe80::1%eth0": false, "64:ff9b::a9fe:a9fe": false, "::a9fe:a9fe": false, "0.0.0.0": false, "::": false, "224.0.0.1": false,
		"::1": true,
	} {
		if got := allowed(netip.MustParseAddr(addr)); got != want {
			t.Errorf("allowed(%s) = %v", addr, got)
		}
	}
}

func TestCancel(t *testing.T) {
	reached := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "some")
		w.(http.Flusher).Flush()
		close(reached)
		<-r.Context().Done()
	}))
	defer srv.Close()
	b := newBench(t, "wget -O /local/jobs/101/x "+srv.URL+"/ || true\necho then > /local/jobs/101/x/y\n")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	if _, err := (Stager{}).StageIn(ctx, b.work); cause.Of(err) != cause.Interrupted {
		t.Errorf("it gives %v", err)
	}
	if got := b.files(t); len(got) != 0 {
		t.Errorf("files are %q", got)
	}
}

func TestProxy(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.RequestURI)
		fmt.Fprint(w, "by proxy")
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "wget -q -O /local/jobs/101/x http://data.example.org/a\nwget -q -O /local/jobs/101/y http://169.254.169.254/b || true\n")
	if _, err := (Stager{Proxy: http.ProxyURL(at)}).StageIn(t.Context(), b.work); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := b.files(t); got["jobs/101/x"] != "by proxy" || len(got) != 1 || len(asked) != 1 {
		t.Errorf("files are %q, the proxy was asked for %q", got, asked)
	}
}
