package syncscript

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/egress"
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
		if strings.Contains(w, "169.254") && !strings.Contains(w, egress.ErrForbidden.Error()) {
			t.Errorf("warning is %q", w)
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
		if r.Host == "moved.example.org" {
			http.Redirect(w, r, "http://2852039166/latest/meta-data/", http.StatusFound)
			return
		}
		fmt.Fprint(w, "by proxy")
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	script := "wget -q -O /local/jobs/101/x http://data.example.org/a\nwget -q -O /local/jobs/101/z http://moved.example.org/ || true\n"
	for _, host := range []string{"169.254.169.254", "169.254.169.254.", "0xa9fea9fe", "0251.0376.0251.0376", "[64:ff9b:1::a9fe:a9fe]"} {
		script += "wget -q -O /local/jobs/101/y 'http://" + host + "/b' || true\n"
	}
	b := newBench(t, script)
	if _, err := (Stager{Proxy: http.ProxyURL(at)}).StageIn(t.Context(), b.work); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := b.files(t); got["jobs/101/x"] != "by proxy" || len(got) != 1 || len(asked) != 2 || len(b.warnings) != 6 {
		t.Errorf("files are %q, the proxy was asked for %q", got, asked)
	}
}

// A script's mistakes are told without the passwords in its URLs.
func TestPasswordsAreNotPrinted(t *testing.T) {
	for _, line := range []string{
		"wget -O /local/jobs/101/f http://ann:hidden@127.0.0.1:1/f || true",
		"wget -O /local/jobs/101/f ftp://ann:hidden@127.0.0.1:1/f || true",
		"wget -O /local/jobs/101/f ann:hidden@127.0.0.1:1/f || true",
		"wget -O /local/jobs/101/f http://ann:hid%zzhidden@h/f",
		"wget -O /local/jobs/101/f http://ann:x/hidden@h/f",
		"wget -O /local/jobs/101/f 'http://ann:hidden@h:p/'",
		"wget -O /local/jobs/101/f 'sftp://ann:hidden@h/'",
		"wget -O /local/jobs/101/f 'http://ann:hidden@/'",
		"wget -O http://ann:hidden@h/ http://h/",
		"wget -O /local/../http://ann:hidden@h/ http://h/",
		"wget -T http://ann:hidden@h/ -O /local/jobs/101/f",
		"wget --password=hidden -O /local/jobs/101/f http://h/",
		"wget --user=ann:hidden -O /local/jobs/101/f http://h/",
		"wget --header='Authorization: hidden' -O /local/jobs/101/f http://h/",
		"wget -O /local/jobs/101/f http://ann:hidden@h/{a,b}",
		"http://ann:hidden@h/",
		"aws s3 sync http://ann:hidden@h/ /local/x",
		"aws s3 sync s3://b/x http://ann:hidden@h/",
		"aws s3 cp s3://ann:hidden@b/x /local/x",
		"chmod http://ann:hidden@h/ /local/x",
		"echo a > http://ann:hidden@h/",
		"rm http://ann:hidden@h/*",
	} {
		b := newBench(t, line+"\n")
		err := b.run(t)
		if all := fmt.Sprint(err, b.warnings, b.log.String()); strings.Contains(all, "hidden") {
			t.Errorf("%s: %s", line, all)
		} else if err == nil && len(b.warnings) == 0 {
			t.Errorf("%s: nothing is wrong", line)
		}
	}
}
