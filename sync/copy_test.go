package sync_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/genepattern/ferry/internal/testenv"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// copyingStore is a bucket whose objects above limit are copied in parts of 5 MiB.
func copyingStore(srv *testenv.Server, limit int64) *s3.Store {
	return s3.New(aws.Config{
		Region: srv.Region, BaseEndpoint: &srv.Endpoint, Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, ""),
	}, srv.Bucket, s3.Options{PartSize: 5 << 20, CopyLimit: limit})
}

func fill(t *testing.T, st store.Store, content map[string]string) {
	t.Helper()
	for k, v := range content {
		if _, err := st.Put(t.Context(), k, store.Body{Bytes: []byte(v)}, store.PutOptions{ContentType: "text/x-" + k[len(k)-1:], Meta: store.Meta{"of": k}}); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, st store.Store, prefix string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for o, err := range st.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := st.Open(t.Context(), o.Key, store.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		got[strings.TrimPrefix(o.Key, prefix)] = string(b)
	}
	return got
}

// From S3 to S3 no byte passes here; metadata stays, in a copy by parts, too.
func TestCopyWithinS3(t *testing.T) {
	t.Parallel()
	srv, other := testenv.S3(t), testenv.S3(t)
	p := testenv.Proxy(t, srv.Endpoint)
	src, dst := copyingStore(p.Via(srv), 6<<20), copyingStore(p.Via(other), 6<<20)
	content := map[string]string{"in/a": "alpha", "in/d/b c+%": "beta", "in/large/c": string(storetest.Bytes(13<<20 + 7)), "in2/x": "no", "in/empty/e": ""}
	fill(t, src, content)
	want := map[string]string{}
	for k, v := range content {
		if rel, ok := strings.CutPrefix(k, "in/"); ok {
			want[rel] = v
		}
	}
	before := len(p.Requests())
	var got events
	s, err := ferrysync.New(ferrysync.Config{}).Copy(t.Context(), src, "in", dst, "out", ferrysync.Options{Event: got.add})
	if err != nil || s.Files != 4 || s.Bytes != 5+4+13<<20+7 || s.Listed != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	kinds := map[string]int{}
	for _, r := range p.Requests()[before:] {
		kinds[r.Kind]++
		if r.Kind == "GetObject" || r.Sent > 10<<10 {
			t.Errorf("%s sent %d bytes here", r.Kind, r.Sent)
		}
	}
	sameTree(t, contents(t, dst, "out/"), want)
	for rel := range want {
		if h := other.Head(t, "out/"+rel); h.Get("X-Amz-Meta-Of") != "in/"+rel || h.Get("Content-Type") != "text/x-"+rel[len(rel)-1:] {
			t.Errorf("%s: %v", rel, h)
		}
	}
	for _, e := range got.all {
		if e.Op != ferrysync.OpCopy || e.From != "in/"+e.Path || e.Key != "out/"+e.Path {
			t.Errorf("told %+v", e)
		}
	}
	s, err = ferrysync.New(ferrysync.Config{}).Copy(t.Context(), src, "in", dst, "out", ferrysync.Options{})
	if err != nil || s.Files != 0 || s.Skipped != 4 {
		t.Errorf("again: %+v, %v", s, err)
	}
}

// What changed, what is filtered, what is deleted, and a dry run.
func TestCopyDecides(t *testing.T) {
	t.Parallel()
	srv := testenv.S3(t)
	st := copyingStore(srv, 0)
	fill(t, st, map[string]string{"in/a": "1", "in/b": "22", "in/c.log": "3", "in/z": "new", "out/b": "2", "out/a": "1", "out/extra": "x", "out/extra.log": "y"})
	o := ferrysync.Options{Delete: true, DryRun: true, Filters: []ferrysync.Filter{{Pattern: "*.log"}}}
	for _, o.DryRun = range []bool{true, false} {
		s, err := ferrysync.New(ferrysync.Config{}).Copy(t.Context(), st, "in", st, "out", o)
		if err != nil || s.Files != 2 || s.Skipped != 1 || s.Deleted != 1 {
			t.Errorf("dry %v: %+v, %v", o.DryRun, s, err)
		}
	}
	sameTree(t, contents(t, st, "out/"), map[string]string{"a": "1", "b": "22", "z": "new", "extra.log": "y"})
	time.Sleep(1100 * time.Millisecond) // the server's times count in seconds
	fill(t, st, map[string]string{"in/a": "9"})
	s, err := ferrysync.New(ferrysync.Config{}).Copy(t.Context(), st, "in", st, "out", ferrysync.Options{SizeOnly: true, Filters: o.Filters})
	if err != nil || s.Files != 0 {
		t.Errorf("size only: %+v, %v", s, err)
	}
	s, err = ferrysync.New(ferrysync.Config{}).Copy(t.Context(), st, "in", st, "out", ferrysync.Options{Filters: o.Filters})
	if err != nil || s.Files != 1 {
		t.Errorf("newer: %+v, %v", s, err)
	}
}

// Between kinds of store the bytes pass here, verified, and nothing is held that is larger than memory should be.
func TestCopyBetweenKinds(t *testing.T) {
	t.Parallel()
	s3st, _ := s3Store(t)
	place := dirStore(t, t.TempDir())
	content := map[string]string{"p/a": "alpha", "p/d/large": string(storetest.Bytes(12 << 20)), "p/none": ""}
	fill(t, s3st, content)
	want := map[string]string{"a": content["p/a"], "d/large": content["p/d/large"], "none": ""}
	s, err := ferrysync.New(ferrysync.Config{}).Copy(t.Context(), s3st, "p", place, "", ferrysync.Options{})
	if err != nil || s.Files != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	sameTree(t, contents(t, place, ""), want)
	s, err = ferrysync.New(ferrysync.Config{}).Copy(t.Context(), place, "", s3st, "back", ferrysync.Options{})
	if err != nil || s.Files != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
	sameTree(t, contents(t, s3st, "back/"), want)
}

// A copy answers 200 before it is done: an error in the document is one, and is tried again. A lost part leaves no upload.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	srv := testenv.S3(t)
	p := testenv.Proxy(t, srv.Endpoint)
	st := copyingStore(p.Via(srv), 6<<20)
	fill(t, st, map[string]string{"in/large": string(storetest.Bytes(11 << 20)), "in/small": "s"})
	p.Add(testenv.Rule{Kind: "UploadPartCopy", Fault: testenv.Fault{Status: 403}})
	s, err := ferrysync.New(ferrysync.Config{}).Copy(t.Context(), st, "in", st, "out", ferrysync.Options{})
	if !errors.Is(err, store.ErrDenied) || s.Failed != 1 || s.Files != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if p.Count("AbortMultipartUpload") != 1 {
		var kinds []string
		for _, r := range p.Requests() {
			kinds = append(kinds, r.Kind)
		}
		slices.Sort(kinds)
		t.Errorf("the upload stays; asked for %q", slices.Compact(kinds))
	}
	if _, err := ferrysync.New(ferrysync.Config{}).CopyFile(t.Context(), st, "in/nothing", st, "out/x", ferrysync.Options{}); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A stream goes up without a size, in one request or in parts, and comes down as it is.
func TestStreams(t *testing.T) {
	t.Parallel()
	s3st, _ := s3Store(t)
	for _, st := range []store.Store{s3st, dirStore(t, t.TempDir())} {
		for _, n := range []int64{0, 10, 5 << 20, 13<<20 + 1} {
			body := storetest.Bytes(n)
			s, err := ferrysync.New(ferrysync.Config{}).UpStream(t.Context(), io.MultiReader(bytes.NewReader(body)), st, "d/k", 0, ferrysync.Options{})
			if err != nil || s.Files != 1 || s.Bytes != n {
				t.Errorf("%s up %d: %+v, %v", st.URL(""), n, s, err)
			}
			var got bytes.Buffer
			s, err = ferrysync.New(ferrysync.Config{}).DownStream(t.Context(), st, "d/k", &got, ferrysync.Options{})
			if err != nil || s.Bytes != n || !bytes.Equal(got.Bytes(), body) {
				t.Errorf("%s down %d: %+v, %v", st.URL(""), n, s, err)
			}
		}
		why := errors.New("broken pipe of its own")
		if _, err := ferrysync.New(ferrysync.Config{}).UpStream(t.Context(), io.MultiReader(bytes.NewReader(storetest.Bytes(7<<20)), failing{why}), st, "d/half", 0, ferrysync.Options{}); !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
		if got := storetest.List(t, st, ""); len(got) != 1 {
			t.Errorf("stored %v", got)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
