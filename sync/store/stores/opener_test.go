package stores_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/awsconfig"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/s3"
	"github.com/genepattern/ferry/sync/store/stores"
)

// A bucket is one store, whoever asks; and AWS is asked for nothing where only directories are used.
func TestOpener(t *testing.T) {
	var loads atomic.Int64
	kinds := stores.Registry{dir.Kind, s3.NewKind(func(context.Context, awsconfig.Choice) (aws.Config, awsconfig.S3, error) {
		loads.Add(1)
		return aws.Config{Region: "us-east-1"}, awsconfig.S3{}, nil
	})}
	o, err := kinds.Opener(nil, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, o, t.TempDir(), "")
	if n := loads.Load(); n != 0 {
		t.Errorf("the AWS configuration was loaded %d times for a directory", n)
	}
	var wg sync.WaitGroup
	got := make([]store.Store, 16)
	for i := range got {
		wg.Go(func() {
			st, prefix, err := o.Open(t.Context(), fmt.Sprintf("s3://bucket/p/%d/", i))
			if want := fmt.Sprintf("p/%d", i); err != nil || prefix != want {
				t.Errorf("%q, %v; want %q", prefix, err, want)
			}
			got[i] = st
		})
	}
	wg.Wait()
	for _, st := range got {
		if st != got[0] || st == nil {
			t.Error("one bucket is several stores")
		}
	}
	if n := loads.Load(); n != 1 {
		t.Errorf("the AWS configuration was loaded %d times", n)
	}
	if b := open(t, o, "s3://other", ""); b == got[0] || a == got[0] {
		t.Error("several buckets are one store")
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

func noEnvironment(string) (string, bool) { return "", false }

func open(t *testing.T, o *stores.Opener, url, prefix string) store.Store {
	t.Helper()
	st, got, err := o.Open(t.Context(), url)
	if err != nil || got != prefix {
		t.Fatalf("Open(%q): %q, %v", url, got, err)
	}
	return st
}

// What cannot be opened is the user's to put right; it is tried again at the next call.
func TestOpenFails(t *testing.T) {
	broken := errors.New("no such profile")
	kinds := stores.Registry{s3.NewKind(func(context.Context, awsconfig.Choice) (aws.Config, awsconfig.S3, error) {
		return aws.Config{}, awsconfig.S3{}, broken
	}), dir.Kind}
	o, err := kinds.Opener(nil, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	for url, hint := range map[string]string{
		"s3://b/p":                               "see ~/.aws/config and the AWS_ variables",
		"nothing":                                "such as s3://bucket/prefix",
		"gs://b/p":                               "such as s3://bucket/prefix",
		"file://" + filepath.Join(exe(t), "sub"): "",
		exe(t):                                   "",
	} {
		for range 2 {
			st, _, err := o.Open(t.Context(), url)
			if st != nil || cause.Of(err) != cause.Usage || cause.HintOf(err) != hint {
				t.Errorf("Open(%q): %v, %v with the hint %q", url, st, err, cause.HintOf(err))
			}
			if url == "s3://b/p" && !errors.Is(err, broken) {
				t.Errorf("Open(%q): %v", url, err)
			}
		}
	}
}

// exe is a file.
func exe(t *testing.T) string {
	t.Helper()
	p, err := filepath.Abs("opener_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Options go from whoever has flags to the store that declared them, and to no other.
func TestSettings(t *testing.T) {
	type options struct {
		project string
		pays    bool
	}
	fields := store.Fields[options]{
		{Name: "toy-project", Arg: "NAME", Set: func(o *options, v string) error {
			if v == "" {
				return errors.New("is empty")
			}
			o.project = v
			return nil
		}},
		{Name: "toy-pays", Set: func(o *options, v string) error { o.pays = v == "true"; return nil }},
	}
	var given options
	var passed store.Settings
	toy := dir.Kind
	toy.Name, toy.Schemes, toy.Paths, toy.Options = "a toy", []string{"toy"}, false, fields.Options()
	toy.Can.Write = false
	toy.Open = func(ctx context.Context, at store.Opening) (_ store.Store, err error) {
		passed = at.Settings
		if given, err = fields.Read(at.Settings); err != nil {
			return nil, err
		}
		return dir.Kind.Open(ctx, at)
	}
	kinds := append(stores.Registry{toy}, stores.All...)
	settings := store.Settings{"toy-project": "p", "toy-pays": "true", "s3-part-size": "5m"}
	o, err := kinds.Opener(settings, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	open(t, o, "toy://"+t.TempDir(), "")
	if want := (options{"p", true}); given != want || !maps.Equal(passed, store.Settings{"toy-project": "p", "toy-pays": "true"}) {
		t.Errorf("given %+v, passed %v", given, passed)
	}
	for name, c := range map[string]struct{ value, text string }{
		"toy-project":  {"", "--toy-project: is empty"},
		"toy-colour":   {"red", "no store has the option --toy-colour"},
		"s3-part-size": {"1k", `--s3-part-size: "1k" is less than 5m`},
	} {
		_, err := kinds.Opener(store.Settings{name: c.value}, noEnvironment)
		if cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), c.text) {
			t.Errorf("--%s=%s: %v", name, c.value, err)
		}
	}
	if err := kinds.CheckFor("toy:///d", store.Abilities{List: true}); err != nil {
		t.Error(err)
	}
	if err := kinds.CheckFor("toy:///d", store.Everything); cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("%v", err)
	}
}
