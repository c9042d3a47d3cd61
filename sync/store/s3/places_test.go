package s3_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A server that is in another region than the configuration says tells so; then requests go there, whichever was the first.
func TestFollowsRegion(t *testing.T) {
	for _, first := range []string{"put", "large", "list"} {
		srv := testenv.S3(t)
		p := testenv.Proxy(t, srv.Endpoint)
		c := config(t, p.Via(srv))
		c.Region = "eu-west-3"
		st := s3.New(c, srv.Bucket, s3.Options{PartSize: partSize})
		body := []byte("x")
		if first == "large" {
			body = storetest.Bytes(2*partSize + 1)
		}
		if first == "list" {
			if got := storetest.List(t, st, ""); len(got) != 0 {
				t.Errorf("%v", got)
			}
		}
		if _, err := st.Put(t.Context(), "k", store.Body{At: bytes.NewReader(body), Size: int64(len(body))}, store.PutOptions{}); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		n := len(p.Requests())
		r, err := st.Open(t.Context(), "k", store.OpenOptions{})
		if err != nil || r.Size != int64(len(body)) {
			t.Fatalf("%s: %v", first, err)
		}
		r.Close()
		if more := len(p.Requests()) - n; more != 1 {
			t.Errorf("%s: %d requests for one read", first, more)
		}
	}
}

// What each place wants is served: by host, region, kind of signature and session. A fake stands for them, see fakeAWS.
func TestPlaces(t *testing.T) {
	const acct = "123456789012"
	for name, c := range map[string]struct {
		fake           *fakeAWS
		bucket, region string
	}{
		"plain":            {&fakeAWS{host: "bucket.s3.eu-west-1.amazonaws.com", region: "eu-west-1"}, "bucket", "eu-west-1"},
		"another region":   {&fakeAWS{host: "bucket.s3.eu-west-1.amazonaws.com", region: "eu-west-1", elsewhere: []string{"bucket.s3.us-west-2.amazonaws.com"}}, "bucket", "us-west-2"},
		"no region":        {&fakeAWS{host: "bucket.s3.eu-west-1.amazonaws.com", region: "eu-west-1", elsewhere: []string{"bucket.s3.us-east-1.amazonaws.com"}}, "bucket", ""},
		"access point":     {&fakeAWS{host: "mine-" + acct + ".s3-accesspoint.eu-west-1.amazonaws.com", region: "eu-west-1"}, "arn:aws:s3:eu-west-1:" + acct + ":accesspoint/mine", "us-west-2"},
		"multi-region":     {&fakeAWS{host: "alias.mrap.accesspoint.s3-global.amazonaws.com", wants: "v4a"}, "arn:aws:s3::" + acct + ":accesspoint/alias.mrap", "us-west-2"},
		"directory bucket": {&fakeAWS{host: "fast--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", region: "us-east-1", wants: "session"}, "fast--use1-az4--x-s3", "us-east-1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.fake
			f.t = t
			st := f.store(c.bucket, c.region)
			keys := []string{"d/a b+", "d/b", "d/c/x", "d/z", "e"}
			for i := len(keys) - 1; i >= 0; i-- {
				if _, err := st.Put(t.Context(), keys[i], store.Body{Bytes: []byte(keys[i])}, store.PutOptions{Meta: store.Meta{"k": "v"}, ContentType: "text/plain"}); err != nil {
					t.Fatal(err)
				}
			}
			if got := storetest.List(t, st, ""); len(got) != 5 {
				t.Errorf("listed %v", got)
			}
			if got := storetest.List(t, st, "d/"); len(got) != 4 {
				t.Errorf("listed %v", got)
			}
			if got := storetest.List(t, st, "d/c"); len(got) != 1 {
				t.Errorf("listed %v", got)
			}
			r, err := st.Open(t.Context(), "d/a b+", store.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(r); err != nil || string(b) != "d/a b+" {
				t.Errorf("%q, %v", b, err)
			}
			r.Close()
			if _, err := st.Open(t.Context(), "none", store.OpenOptions{}); !errors.Is(err, store.ErrNotExist) {
				t.Errorf("%v", err)
			}
			if o, err := st.Stat(t.Context(), "e"); err != nil || o.Size != 1 {
				t.Errorf("%+v, %v", o, err)
			}
			if err := st.Delete(t.Context(), []string{"e", "d/b"}); err != nil {
				t.Fatal(err)
			}
			if got := storetest.List(t, st, ""); len(got) != 3 {
				t.Errorf("left %v", got)
			}
			if f.wants == "session" && f.sessions != 1 {
				t.Errorf("%d sessions", f.sessions)
			}
			if len(c.fake.elsewhere) > 0 {
				moved := 0
				for _, a := range f.asked {
					if strings.Contains(a, c.fake.elsewhere[0]) {
						moved++
					}
				}
				if moved != 1 {
					t.Errorf("%d requests went to the wrong region: %q", moved, f.asked)
				}
			}
		})
	}
}

// A URL names a place and a prefix in it, also where the place's name has slashes.
func TestPlaceNames(t *testing.T) {
	for rest, want := range map[string][2]string{
		"bucket/a/b": {"bucket", "a/b"},
		"arn:aws:s3:eu-west-1:123456789012:accesspoint/mine/a/b":                                     {"arn:aws:s3:eu-west-1:123456789012:accesspoint/mine", "a/b"},
		"arn:aws:s3:eu-west-1:123456789012:accesspoint:mine":                                         {"arn:aws:s3:eu-west-1:123456789012:accesspoint:mine", ""},
		"arn:aws-cn:s3::123456789012:accesspoint/alias.mrap/k":                                       {"arn:aws-cn:s3::123456789012:accesspoint/alias.mrap", "k"},
		"arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/mine/a": {"arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01234567890123456/accesspoint/mine", "a"},
	} {
		bucket, prefix, err := s3.Kind.Parse(rest)
		if err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("%s: %q, %q, %v", rest, bucket, prefix, err)
		}
	}
	for _, bad := range []string{"arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/x", "arn:aws:sqs:us-west-2:123456789012:queue", "/x"} {
		if bucket, _, err := s3.Kind.Parse(bad); err == nil {
			t.Errorf("%s: %q", bad, bucket)
		}
	}
}
