package gcs_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/gcs"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// An upload that breaks goes on where it broke, one whose session is lost begins again, and one that arrives as something else is sent again.
func TestUploadFaults(t *testing.T) {
	for name, c := range map[string]struct {
		cuts, lost, flips int
		want              []string // requests
	}{
		"whole":   {want: []string{"POST", "PUT bytes 0-2999999/3000000"}},
		"cut":     {cuts: 1, want: []string{"POST", "PUT bytes 0-2999999/3000000", "PUT bytes */3000000", "PUT bytes 1310720-2999999/3000000"}},
		"lost":    {lost: 1, want: []string{"POST", "PUT bytes 0-2999999/3000000", "POST", "PUT bytes 0-2999999/3000000"}},
		"garbled": {flips: 1, want: []string{"POST", "PUT bytes 0-2999999/3000000", "POST", "PUT bytes 0-2999999/3000000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time they wait to try again
			f := newFake(t)
			f.cuts, f.lost, f.flips = c.cuts, c.lost, c.flips
			st := open(t, "bucket", gcs.Options{Emulator: f.URL, Single: 1 << 20})
			content := storetest.Bytes(3_000_000)
			o, err := st.Put(t.Context(), "k", store.Body{At: bytes.NewReader(content), Size: int64(len(content))}, store.PutOptions{})
			if err != nil || o.Size != int64(len(content)) || o.ETag != "1" || !bytes.Equal(f.objects["k"], content) {
				t.Errorf("%+v, %v", o, err)
			}
			if got := strings.Join(f.asked, ", "); got != strings.Join(c.want, ", ") {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

// A stream has no size, and goes up in chunks, each of which is kept until it is there.
func TestStream(t *testing.T) {
	const chunk = 16 << 20
	for name, c := range map[string]struct {
		size, cuts int
		fails      error
	}{
		"small": {size: 1000}, "a chunk": {size: chunk}, "more": {size: chunk + 1000, cuts: 2}, "two chunks": {size: 2 * chunk}, "broken": {size: chunk + 1000, fails: errors.New("the other store is away")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.cuts = c.cuts
			small := c.size == 1000
			if small {
				f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
					b, err := io.ReadAll(r.Body)
					if err != nil || r.URL.Query().Get("uploadType") != "multipart" || !bytes.Contains(b, storetest.Bytes(1000)) {
						t.Errorf("%v, %s", err, r.URL)
					}
					_, _ = io.WriteString(w, `{"size": "1000", "generation": "1", "crc32c": "`+crcText(storetest.Bytes(1000))+`"}`) // the client's matter
					return true
				}
			}
			st := open(t, "bucket", gcs.Options{Emulator: f.URL})
			content := storetest.Bytes(int64(c.size))
			var r io.Reader = bytes.NewReader(content)
			if c.fails != nil {
				r = io.MultiReader(bytes.NewReader(content[:chunk]), iotest.ErrReader(c.fails))
			}
			o, err := st.PutStream(t.Context(), "k", r, 0, store.PutOptions{})
			if c.fails != nil {
				var own *store.BodyError
				if !errors.As(err, &own) || !errors.Is(err, c.fails) || f.objects["k"] != nil {
					t.Errorf("%+v, %v", o, err)
				}
				return
			}
			if err != nil || o.Size != int64(c.size) || !small && !bytes.Equal(f.objects["k"], content) {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

// What the service refuses says what to do, and what passes is tried again.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		code         string
		xml          bool
		kind         error
		hint         string
		tries        int
		text, denied string
	}{
		"no bucket":               {status: 404, code: "NoSuchBucket", xml: true, kind: store.ErrNoBucket, hint: "is the bucket's name right?", tries: 1},
		"no object":               {status: 404, code: "NoSuchKey", xml: true, kind: store.ErrNotExist, tries: 1},
		"denied":                  {status: 403, code: "AccessDenied", xml: true, kind: store.ErrDenied, hint: "roles/storage.objectUser", tries: 1},
		"expired":                 {status: 401, code: "AuthenticationRequired", xml: true, kind: store.ErrCredentials, hint: "gcloud auth application-default login", tries: 1},
		"requester pays":          {status: 400, code: "UserProjectMissing", xml: true, kind: store.ErrDenied, hint: "--billing-project PROJECT says who", tries: 1},
		"a project that is wrong": {status: 400, code: "UserProjectInvalid", xml: true, kind: store.ErrDenied, hint: "names a project, by its id", tries: 1},
		"replaced":                {status: 412, code: "PreconditionFailed", xml: true, kind: store.ErrChanged, tries: 1},
		"throttled":               {status: 429, code: "rateLimitExceeded", tries: 2},
		"throttled, by 403":       {status: 403, code: "rateLimitExceeded", tries: 2},
		"trouble":                 {status: 503, code: "backendError", tries: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			tries := 0
			f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				tries++
				if c.xml {
					sayXML(w, c.status, c.code)
				} else {
					sayJSON(w, c.status, c.code, "as the fake says")
				}
				return true
			}
			count := new(store.Counter)
			_, err := open(t, "bucket", gcs.Options{Emulator: f.URL, Tries: 2}).Open(store.WithCounter(t.Context(), count), "k", store.OpenOptions{})
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "gs://bucket/k") || !strings.Contains(err.Error(), c.code) {
				t.Errorf("%v", err)
			}
			if tries != c.tries || !strings.Contains(hintOf(t, err), c.hint) || c.hint == "" && hintOf(t, err) != "" {
				t.Errorf("%d tries, hint %q", tries, hintOf(t, err))
			}
			if strings.HasPrefix(name, "throttled") && count.Throttled.Load() == 0 {
				t.Error("nobody slows down")
			}
		})
	}
}

// Every request says who pays, also those to a session.
func TestBilling(t *testing.T) {
	f := newFake(t)
	f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Goog-User-Project") != "ours" {
			t.Errorf("%s %s says nothing of who pays", r.Method, r.URL)
		}
		return false
	}
	st := open(t, "bucket", gcs.Options{Emulator: f.URL, Single: 1, Billing: "ours"})
	if _, err := st.Put(t.Context(), "k", store.Body{Bytes: []byte("abc")}, store.PutOptions{}); err != nil {
		t.Error(err)
	}
	if _, b := storetest.Get(t, st, "k", store.OpenOptions{}); string(b) != "abc" {
		t.Errorf("%q", b)
	}
}
