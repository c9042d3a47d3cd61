package azure_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
	"github.com/genepattern/ferry/sync/store/checksum"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// do sends a request that ferry has no use for, and wants this status.
func do(t *testing.T, c *testenv.Container, method, path string, header map[string]string, body string, want int) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, c.Endpoint+"/"+c.Name+"/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		rq.Header.Set(k, v)
	}
	if err := azure.Sign(c.Account, c.Key, rq); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if said, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %s, %v: %s", method, path, resp.Status, err, said)
	}
}

// What is no block blob, or is archived, is named: none of it is read by halves.
func TestTypes(t *testing.T) {
	c := testenv.Azure(t)
	st := open(t, c.URL, c.Env(), small)
	do(t, c, "PUT", "pages", map[string]string{"X-Ms-Blob-Type": "PageBlob", "X-Ms-Blob-Content-Length": "512"}, "", 201)
	do(t, c, "PUT", "appended", map[string]string{"X-Ms-Blob-Type": "AppendBlob"}, "", 201)
	do(t, c, "PUT", "appended?comp=appendblock", nil, "a line\n", 201)
	do(t, c, "PUT", "archived", map[string]string{"X-Ms-Blob-Type": "BlockBlob"}, "old", 201)
	do(t, c, "PUT", "archived?comp=tier", map[string]string{"X-Ms-Access-Tier": "Archive"}, "", 200)

	_, err := st.Open(t.Context(), "pages", store.OpenOptions{})
	if err == nil || !strings.Contains(err.Error(), "page blob") || cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)) == "" {
		t.Errorf("a page blob: %v", err)
	}
	if _, b := storetest.Get(t, st, "appended", store.OpenOptions{}); string(b) != "a line\n" {
		t.Errorf("an append blob holds %q", b)
	}
	_, err = st.Open(t.Context(), "archived", store.OpenOptions{})
	if !errors.Is(err, store.ErrArchived) || cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err)) == "" {
		t.Errorf("an archived blob: %v", err)
	}
	for o, err := range st.List(t.Context(), "") {
		if err != nil || o.Archived != (o.Key == "archived") || o.ETag == "" || o.ModTime.IsZero() {
			t.Errorf("%+v, %v", o, err)
		}
	}
	stat, err := st.(store.Stater).Stat(t.Context(), "archived")
	if err != nil || !stat.Archived || stat.Size != 3 {
		t.Errorf("%+v, %v", stat, err)
	}
}

// What is corrupted on its way up is refused and sent again; on its way down the checksum shows it. A blob in blocks has one of the
// whole, which a range tells as well.
func TestVerified(t *testing.T) {
	c := testenv.Azure(t)
	p := testenv.Proxy(t, c.Endpoint)
	st := open(t, c.URL, c.Via(p).Env(), small)
	for _, n := range []int64{1000, 3*blockSize + 17} {
		b, kind := storetest.Bytes(n), "PutObject"
		if n > blockSize {
			kind = "UploadPart"
		}
		p.Clear()
		p.Add(testenv.Rule{Kind: kind, Times: 1, Fault: testenv.Fault{FlipUpload: 500}})
		count := new(store.Counter)
		if _, err := st.Put(store.WithCounter(t.Context(), count), "k", store.Body{At: bytes.NewReader(b), Size: n}, store.PutOptions{Parallel: 2}); err != nil {
			t.Fatal(err)
		}
		if r := count.Retries.Load(); r != 1 {
			t.Errorf("%d bytes: tried again %d times", n, r)
		}
		for _, o := range []store.OpenOptions{{}, {Off: 10, Len: 100}} {
			r, err := st.Open(t.Context(), "k", o)
			if err != nil {
				t.Fatal(err)
			}
			want := checksum.Of(checksum.MD5, b)
			if n > blockSize {
				want = checksum.Of(checksum.CRC64NVME, b)
			}
			if r.Sum != want || r.Size != n || len(r.Meta) > 0 {
				t.Errorf("%d bytes, %+v: %v, %d, %v; want %v", n, o, r.Sum, r.Size, r.Meta, want)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	// Another program's blob with this one's metadata is not taken for corrupt.
	do(t, c, "PUT", "k", map[string]string{"X-Ms-Blob-Type": "BlockBlob", "X-Ms-Meta-Ferrycrc64": "1.99"}, "other", 201)
	if r, _ := storetest.Get(t, st, "k", store.OpenOptions{}); r.Sum.Algorithm != checksum.MD5 {
		t.Errorf("%v", r.Sum)
	}
}

// A block that a killed client left in another form of name does not keep ferry from the blob.
func TestForeignBlocks(t *testing.T) {
	c := testenv.Azure(t)
	st := open(t, c.URL, c.Env(), small)
	do(t, c, "PUT", "big?comp=block&blockid="+url.QueryEscape(base64.StdEncoding.EncodeToString(make([]byte, 48))), nil, "left", 201)
	b := storetest.Bytes(2*blockSize + 1)
	if _, err := st.Put(t.Context(), "big", store.Body{Bytes: b}, store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, got := storetest.Get(t, st, "big", store.OpenOptions{}); !bytes.Equal(got, b) {
		t.Error("it holds something else")
	}
}

// A stream that breaks leaves nothing, one that ends leaves all of it, whatever its length.
func TestStream(t *testing.T) {
	c := testenv.Azure(t)
	st := open(t, c.URL, c.Env(), small)
	str := st.(store.Streamer)
	for _, n := range []int64{0, 1, blockSize, blockSize + 1, 6*blockSize + 5} {
		b := storetest.Bytes(n)
		var sent int64
		c := make(chan int64, 1e5)
		o, err := str.PutStream(t.Context(), "s", bytes.NewReader(b), 0, store.PutOptions{Parallel: 3, Meta: store.Meta{"a-b": "c"}, Sent: func(n int64) { c <- n }})
		close(c)
		for n := range c {
			sent += n
		}
		r, got := storetest.Get(t, st, "s", store.OpenOptions{})
		if err != nil || !bytes.Equal(got, b) || o.Size != n || sent != n || o.ETag != r.ETag || r.Meta["a-b"] != "c" {
			t.Errorf("%d bytes: %+v, sent %d, %v; %d came back with %v", n, o, sent, err, len(got), r.Meta)
		}
	}
	broken := errors.New("broken")
	for _, n := range []int64{5, 3*blockSize + 5} {
		_, err := str.PutStream(t.Context(), "no", io.MultiReader(bytes.NewReader(storetest.Bytes(n)), failing{broken}), 0, store.PutOptions{})
		var own *store.BodyError
		if !errors.As(err, &own) || !errors.Is(err, broken) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if got := storetest.List(t, st, "no"); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// sas is a shared access signature for a container.
// https://learn.microsoft.com/rest/api/storageservices/create-service-sas
func sas(t *testing.T, c *testenv.Container, permissions string, end time.Time) string {
	t.Helper()
	se := end.UTC().Format(time.RFC3339)
	key, err := base64.StdEncoding.DecodeString(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s\n\n%s\n/blob/%s/%s\n\n\n\n2020-12-06\nc\n\n\n\n\n\n\n", permissions, se, c.Account, c.Name)
	return url.Values{"sv": {"2020-12-06"}, "sr": {"c"}, "sp": {permissions}, "se": {se}, "sig": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}.Encode()
}
