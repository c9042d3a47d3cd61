package stores_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/sync/store/stores"
)

// amazons are words that only a user of S3 may read.
var amazons = regexp.MustCompile(`(?i)\b(aws|amazon|s3|iam|ecr)\b|AWS_|--iam`)

// A user of another store never reads "AWS": neither in a hint, nor in what an option is for.
func TestWordsOfOthers(t *testing.T) {
	if !amazons.MatchString("set AWS_REGION") || !amazons.MatchString("an AWS role") || amazons.MatchString("it draws laws") {
		t.Fatal("the pattern is wrong")
	}
	seen := false
	for _, k := range stores.All {
		var texts []string
		for _, h := range k.Hints {
			texts = append(texts, h)
		}
		for _, o := range k.Options {
			texts = append(texts, o.Name, o.Arg, o.Usage)
		}
		for _, text := range texts {
			if slices.Contains(k.Schemes, "s3") {
				seen = seen || amazons.MatchString(text)
			} else if amazons.MatchString(text) {
				t.Errorf("users of %s read %q", k.Name, text)
			}
		}
	}
	if !seen {
		t.Error("not even S3's hints say anything of AWS: the test looks at the wrong place")
	}
}

// No two kinds claim the same.
func TestDistinct(t *testing.T) {
	claimed := map[string]string{}
	paths := 0
	for _, k := range stores.All {
		claims := []string{"name " + k.Name}
		for _, s := range k.Schemes {
			claims = append(claims, "scheme "+s)
			if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(s) {
				t.Errorf("%s has the scheme %q", k.Name, s)
			}
		}
		for _, o := range k.Options {
			if !o.Form.Shared {
				claims = append(claims, "option "+o.Name)
			}
			if o.Usage == "" || o.Check == nil || strings.HasPrefix(o.Name, "-") || !strings.Contains(o.Usage, o.Arg) {
				t.Errorf("%s has the option %+v", k.Name, o)
			}
		}
		for _, c := range claims {
			if other, taken := claimed[c]; taken {
				t.Errorf("%s and %s both have the %s", k.Name, other, c)
			}
			claimed[c] = k.Name
		}
		if len(k.Schemes) == 0 || k.Parse == nil {
			t.Errorf("%s has no URLs", k.Name)
		}
		if k.Paths {
			paths++
		}
	}
	if paths != 1 {
		t.Errorf("%d kinds take absolute paths", paths)
	}
}
