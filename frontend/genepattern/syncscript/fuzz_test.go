package syncscript

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/genepattern/ferry/internal/egress"
	"github.com/genepattern/ferry/sync/store"
)

// seeds are scripts as servers write them, and what must be refused.
func seeds(f *testing.F) {
	f.Helper()
	names, err := filepath.Glob("testdata/scripts/*.sh")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		"rm -rf /local/../../etc", "echo x > /local/jobs/../../../x", "chmod -R 777 /local/a//b/./c", "A=/etc; rm -rf $A/passwd",
		"aws s3 cp s3://b/../../k /local/x", "wget -O/local/a -T5 -q h://", "X=$X$X;X=$X$X", "{ { { echo; }; }; }", "echo \\\n\\", "mkdir -p '/local/\x00'",
		"mkdir /local/l; echo a &> /local/l/m", "rm -- -x", "aws s3 sync s3://b /local/d --exclude '*' --include 'a[b' --include c/../d",
	} {
		f.Add([]byte(s))
	}
}

// FuzzCompile holds that no script makes the interpreter panic or take a path outside the root.
func FuzzCompile(f *testing.F) {
	seeds(f)
	j := testJob()
	f.Fuzz(func(t *testing.T, src []byte) {
		nodes, err := compile("fuzz", src, j)
		if err != nil {
			return
		}
		for _, n := range nodes {
			touches, outputs := claimed(n)
			for _, p := range append(touches, outputs[1:]...) {
				if !filepath.IsLocal(p) || p == "." || p != filepath.Clean(p) {
					t.Errorf("path %q leaves the root", p)
				}
			}
		}
	})
}

// FuzzRun holds that whatever a script does stays in the root. There is no store and no network.
func FuzzRun(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		b := newBench(t, string(src))
		outside := filepath.Join(filepath.Dir(b.dir), "outside")
		if err := os.MkdirAll(outside, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(b.dir, "l")); err != nil {
			t.Fatal(err)
		}
		nodes, err := compile("fuzz", src, b.work.Job)
		if err != nil {
			return
		}
		r := &runner{work: b.work, opened: map[string]store.Store{}, client: &http.Client{Transport: noNetwork{}}, dial: noDial}
		r.run(context.Background(), nodes)
		entries, err := os.ReadDir(filepath.Dir(b.dir))
		if err != nil || len(entries) != 2 {
			t.Errorf("beside the root are %v, %v", entries, err)
		}
		if in, err := os.ReadDir(outside); err != nil || len(in) != 0 {
			t.Errorf("outside has %v, %v", in, err)
		}
		if st, err := os.Stat(outside); err != nil || st.Mode().Perm() != 0o750 {
			t.Errorf("outside is %v, %v", st, err)
		}
	})
}

type noNetwork struct{}

func noDial(context.Context, string, string) (net.Conn, error) { return nil, egress.ErrForbidden }

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, egress.ErrForbidden }
