package store

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want Location
		err  string
	}{
		{"s3://b/p/q", Location{"s3", "b", "p/q"}, ""},
		{"s3://b/p/", Location{"s3", "b", "p"}, ""},
		{"s3://b", Location{"s3", "b", ""}, ""},
		{"s3://b/", Location{"s3", "b", ""}, ""},
		{"s3://b/100% *", Location{"s3", "b", "100% *"}, ""},
		{"file:///d/e/", Location{"file", "/d/e", ""}, ""},
		{"/d/../e", Location{"file", "/e", ""}, ""},
		{"s3:///p", Location{}, "names no bucket"},
		{"s3://", Location{}, "names no bucket"},
		{"gs://b/p", Location{}, `unknown scheme "gs"`},
		{"file://d", Location{}, "no absolute directory"},
		{"dir", Location{}, "neither"},
		{"", Location{}, "neither"},
		{"a\nb", Location{}, "neither"},
	} {
		got, err := Parse(c.raw)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v, %q", c.raw, got, err, c.want, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): error of several lines", c.raw)
		}
	}
}
