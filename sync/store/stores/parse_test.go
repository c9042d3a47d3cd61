package stores_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want store.Location
		err  string
	}{
		{"s3://b/p/q", store.Location{Scheme: "s3", Bucket: "b", Prefix: "p/q"}, ""},
		{"s3://b/p/", store.Location{Scheme: "s3", Bucket: "b", Prefix: "p"}, ""},
		{"s3://b", store.Location{Scheme: "s3", Bucket: "b", Prefix: ""}, ""},
		{"s3://b/", store.Location{Scheme: "s3", Bucket: "b", Prefix: ""}, ""},
		{"s3://b/100% *", store.Location{Scheme: "s3", Bucket: "b", Prefix: "100% *"}, ""},
		{"file:///d/e/", store.Location{Scheme: "file", Bucket: "/d/e", Prefix: ""}, ""},
		{"/d/../e", store.Location{Scheme: "file", Bucket: "/e", Prefix: ""}, ""},
		{"s3:///p", store.Location{}, "names no bucket"},
		{"s3://", store.Location{}, "names no bucket"},
		{"xyz://b/p", store.Location{}, `unknown scheme "xyz"`},
		{"file://d", store.Location{}, "no absolute directory"},
		{"dir", store.Location{}, "neither"},
		{"", store.Location{}, "neither"},
		{"a\nb", store.Location{}, "neither"},
	} {
		got, kind, err := stores.All.Parse(c.raw)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v, %q", c.raw, got, err, c.want, c.err)
		}
		if err == nil && !slices.Contains(kind.Schemes, got.Scheme) {
			t.Errorf("Parse(%q) is of the kind %s", c.raw, kind.Name)
		}
		if again, _, _ := stores.All.Parse(got.String()); err == nil && again != got {
			t.Errorf("Parse(%q) is %s, which is %+v", c.raw, got, again)
		}
		if checked := stores.Check(c.raw); (checked == nil) != (err == nil) || cause.Of(checked) != cause.Of(err) || err != nil && cause.Of(err) != cause.Usage {
			t.Errorf("Check(%q): %v", c.raw, checked)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): error of several lines", c.raw)
		}
	}
}
