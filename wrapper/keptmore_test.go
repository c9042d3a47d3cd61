package wrapper_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper"
	"github.com/genepattern/ferry/wrapper/node"
)

// A link to another directory of the job is kept as what it shows, just as it would have been stored.
func TestKeptLinks(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	s.put("in/data.txt", "data")
	s.put("in/sub/more.txt", "more")
	s.exec("ln -s /in/data.txt file; ln -s /in/sub dir; ln -s /jobs/1/made absolute; echo made > made")
	away.Store(true)
	if out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t), "input", "/in"), d); out.Code != 73 {
		t.Fatalf("%+v", out)
	}
	away.Store(false)
	if all := s.resume(d); len(all) != 1 || !all[0].Sent {
		t.Fatalf("%+v", all)
	}
	s.ended(wrapper.Outcome{}, 0, cause.None)
	for name, want := range map[string]string{"file": "data", "dir/more.txt": "more", "absolute": "made\n", "made": "made\n"} {
		if got := s.get("jobs/1/" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s.nothingAtAll()
}

// With --stage copy results may be in the container only when no time is left. They are copied out and kept. Where the container is gone
// they are lost: the job stays a failure that names them, whatever is sent later.
func TestKeptFromTheContainer(t *testing.T) {
	for about, gone := range map[string]bool{"the container is there": false, "the container is gone": true} {
		t.Run(about, func(t *testing.T) {
			s := newRig(t)
			d, _ := s.moodyDeps()
			s.exec("echo one > r.txt; mkdir -p /out; echo two > /out/two.txt")
			s.put("out/old.txt", "old")
			save, late := context.WithCancelCause(t.Context())
			d = d.Before(func(step string) {
				if step != "stage out" {
					return
				}
				late(errors.New("no time is left"))
				if !gone {
					return
				}
				found, err := s.engine.List(context.Background(), map[string]string{node.LabelJob: "t1"})
				if err != nil {
					t.Error(err)
				}
				for _, c := range found {
					if strings.HasPrefix(c.Labels[node.LabelOwner], s.local+"/") {
						if err := node.Remove(context.Background(), s.engine, s.local, []node.Orphan{{Job: "t1", Container: c.ID}}); err != nil {
							t.Error(err)
						}
					}
				}
			})
			out := wrapper.Run(t.Context(), save, s.job(testenv.ModuleImage(t), "stage", "copy", "input", "/out", "output", "/out"), d)
			s.nothingLeft()
			if out.Code != 75 {
				t.Errorf("%+v", out)
			}
			if all := s.resume(d); len(all) != 1 || !all[0].Sent {
				t.Fatalf("%+v", all)
			}
			s.nothingAtAll()
			if !gone {
				s.ended(wrapper.Outcome{}, 0, cause.None)
				if s.get("jobs/1/r.txt") != "one\n" || s.get("out/two.txt") != "two\n" {
					t.Errorf("results: %q, %q", s.get("jobs/1/r.txt"), s.get("out/two.txt"))
				}
				return
			}
			r := s.ended(wrapper.Outcome{Code: 75, Cause: cause.Interrupted}, 75, cause.Interrupted)
			if want := "/jobs/1/ /out/"; strings.Join(r.NotStored, " ") != want {
				t.Errorf("not stored: %q, want %q", r.NotStored, want)
			}
		})
	}
}

// A module that leaves no byte and no file on the disk does not keep its results from being kept. What finds no room is named, and the
// job then stays a failure.
func TestKeptOnAFullDisk(t *testing.T) {
	testenv.Require(t, os.Geteuid() == 0, "root's rights to mount a small disk")
	for about, c := range map[string]struct {
		options, fill string
		made          int // 0 where the module tells
	}{
		"no bytes": {"size=8m", "cat /dev/zero > fill 2>/dev/null; exit 0", 1},
		"no files": {"size=64m,nr_inodes=200", "i=0; while true > f$i; do i=$((i+1)); done 2>/dev/null; echo $i", 0},
	} {
		t.Run(about, func(t *testing.T) {
			s := newRig(t)
			s.local = t.TempDir()
			if err := syscall.Mount("ferry-test", s.local, "tmpfs", 0, c.options); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(s.local, syscall.MNT_DETACH) })
			d, away := s.moodyDeps()
			for i := range 3 { // what others left
				k, err := node.Keep(s.local, node.KeptPlace(s.local, "other", i, "RUN"))
				if err == nil {
					err = errors.Join(k.WriteFile("x", make([]byte, 1<<20), 0o600), k.Finish([]byte("{}")))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			d.Reopen = nil
			s.exec("echo one > r.txt", c.fill)
			away.Store(true)
			out := wrapper.Run(t.Context(), t.Context(), s.job(testenv.ModuleImage(t)), d)
			away.Store(false)
			made := c.made
			if made == 0 {
				made, _ = strconv.Atoi(strings.TrimSpace(s.meta("dockerout.log")))
			}
			if out.Code != 73 || made == 0 {
				t.Fatalf("%+v, the module made %d", out, made)
			}
			again, _ := s.moodyDeps()
			for _, r := range s.resume(again) {
				if r.Job == "t1" && !r.Sent {
					t.Errorf("%+v", r)
				}
			}
			r := s.record()
			there, _ := filepath.Glob(filepath.Join(s.store, "jobs/1/[^.]*"))
			lost := len(slices.DeleteFunc(r.NotStored, func(n string) bool { return strings.Contains(n, "/.gp_metadata/") }))
			if r.Resumed == nil || len(there)+lost != made+1 || (r.ExitCode == 0) != (lost == 0) || len(there) < 2 {
				t.Errorf("the module made %d results: %d are in the store, %d are named, code %d\n%s", made+1, len(there), lost, r.ExitCode, s.log.String())
			}
		})
	}
}

// Several ferries that resume at the same time send each kept tree once.
func TestResumeBesideResume(t *testing.T) {
	s := newRig(t)
	d, away := s.moodyDeps()
	const trees = 3
	var stores []*rig
	away.Store(true)
	for i := range trees {
		of := &rig{t: t, store: t.TempDir(), local: s.local, engine: s.engine}
		stores = append(stores, of)
		of.exec("echo one > r.txt")
		j := of.job(testenv.ModuleImage(t))
		j.Identity.ID = "t" + strconv.Itoa(i)
		without := d
		without.Reopen = nil
		if out := wrapper.Run(t.Context(), t.Context(), j, without); out.Code != 73 {
			t.Fatalf("%+v", out)
		}
	}
	away.Store(false)
	var sent atomic.Int64
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			done, err := wrapper.Resume(t.Context(), s.local, d.Reopen, d.Transfer, zerolog.Nop())
			if err != nil {
				t.Error(err)
			}
			for _, r := range done {
				if r.Sent {
					sent.Add(1)
				} else {
					t.Errorf("%+v", r)
				}
			}
			if err := node.EmptyTrash(t.Context(), s.local); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sent.Load() != trees {
		t.Errorf("%d trees were sent of %d", sent.Load(), trees)
	}
	for _, of := range stores {
		if of.ended(wrapper.Outcome{}, 0, cause.None); of.get("jobs/1/r.txt") != "one\n" {
			t.Errorf("the result is %q", of.get("jobs/1/r.txt"))
		}
	}
	s.nothingAtAll()
}
