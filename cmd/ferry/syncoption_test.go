package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/dir"
	"github.com/genepattern/ferry/sync/store/stores"
)

// What a store declares is an option of `ferry sync`, with no line written for it here.
func TestSyncStoreOptions(t *testing.T) {
	var passed store.Settings
	toy := dir.Kind
	toy.Name, toy.Schemes, toy.Form, toy.Paths = "a toy", []string{"toy"}, "toy:///DIRECTORY", false
	toy.Can.Write = false
	toy.Options = store.Fields[string]{
		{Name: "toy-colour", Arg: "COLOUR", Usage: "paint it in COLOUR", Set: func(o *string, v string) error {
			if v != "red" {
				return errors.New("only red is known")
			}
			*o = v
			return nil
		}},
		{Name: "toy-loud", Usage: "make noise", Set: func(*string, string) error { return nil }},
		{Name: "toy-secret", Hidden: true, Usage: "nobody sees it", Set: func(*string, string) error { return nil }},
	}.Options()
	toy.Open = func(ctx context.Context, at store.Opening) (store.Store, error) {
		passed = at.Settings
		return dir.Kind.Open(ctx, at)
	}
	var stdout, stderr bytes.Buffer
	ferry := func(args ...string) error {
		stdout.Reset()
		app := &cli.App{Writer: &stdout, ErrWriter: &stderr, ExitErrHandler: func(*cli.Context, error) {}, Commands: []*cli.Command{syncCommand(append(stores.Registry{toy}, stores.All...))}}
		return app.Run(append([]string{"ferry", "sync"}, args...))
	}
	src, dst := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "a"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := ferry("toy://"+src, "--toy-colour=red", dst, "--toy-loud"); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if got, err := os.ReadFile(filepath.Join(dst, "a")); string(got) != "a" || passed["toy-colour"] != "red" || passed["toy-loud"] != "true" || len(passed) != 2 {
		t.Errorf("%q, %v, passed %v", got, err, passed)
	}
	for text, args := range map[string][]string{
		"--toy-colour: only red is known": {"toy://" + src, dst, "--toy-colour", "blue"},
		"--toy-loud takes no value":       {"toy://" + src, dst, "--toy-loud=very"},
		`no such option: "--toy-nothing"`: {"toy://" + src, dst, "--toy-nothing"},
		"cannot be written":               {src, "toy://" + dst},
		"known are toy, s3, ":             {"xyz://b/x", dst},
		`--s3-part-size: "x" is no size`:  {"toy://" + src, dst, "--s3-part-size", "x"},
	} {
		if err := ferry(args...); cause.Of(err) != cause.Usage || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v; want %q", args, err, text)
		}
	}
	if err := ferry("--help"); err != nil {
		t.Error(err)
	}
	help := stdout.String()
	if !strings.Contains(help, "--toy-colour COLOUR") || !strings.Contains(help, "paint it in COLOUR") || strings.Contains(help, "toy-secret") || strings.Contains(help, "s3-part-size") || !strings.Contains(help, "toy:///DIRECTORY or s3://BUCKET/PREFIX") {
		t.Errorf("help: %s", help)
	}
}

// A store's own option and the command's must not have one name.
func TestSyncOptionNames(t *testing.T) {
	seen := map[string]bool{"help": true, "h": true}
	for _, o := range syncOptions(stores.All) {
		if seen[o.name] {
			t.Errorf("two options are named --%s", o.name)
		}
		seen[o.name] = true
	}
}
