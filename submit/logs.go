package submit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/sync/store"
)

// Logs says what is shown of a job's output.
type Logs struct {
	Ref            string
	Follow         bool // until the job has ended
	OnlyFailed     bool // of an array
	Child          int  // of an array; -1 for all
	Ferry          bool // what ferry itself said, as the scheduler keeps it
	Tail           int  // only so many lines of each file to begin with; 0 for all
	Stdout, Stderr io.Writer
}

// ferryLogMax is how much of ferry's own output is shown.
const ferryLogMax = 1 << 20

// Logs shows the module's output. The error has a cause.
func (c *Client) Logs(ctx context.Context, l Logs) error {
	s, err := c.find(ctx, l.Ref)
	if err != nil {
		return err
	}
	if l.Ferry {
		return s.ferryLog(ctx, l)
	}
	tails, err := s.tails(ctx, l)
	if err != nil {
		return err
	}
	for _, t := range tails {
		t.last = l.Tail
	}
	for pause := time.Duration(0); ; {
		// The state is asked for first, so that what is written up to the end is shown.
		ended := true
		if l.Follow {
			st, err := s.status(ctx)
			if err != nil {
				return err
			}
			ended = st.State.Ended()
		}
		if err := showAll(ctx, tails); err != nil || ended {
			return errors.Join(err, endLines(tails))
		}
		pause = nextPause(pause, s.file.Target)
		select {
		case <-ctx.Done():
			return cause.Stopped(ctx, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// nextPause is the time between two looks. Ferry on a node sends its logs every 30 s.
func nextPause(last time.Duration, target string) time.Duration {
	if target == "local" {
		return 200 * time.Millisecond
	}
	if last == 0 {
		return time.Second
	}
	return min(last*3/2, 15*time.Second)
}

// ferryLog shows what the scheduler kept.
func (s *submission) ferryLog(ctx context.Context, l Logs) error {
	sched, err := s.scheduler()
	if err != nil {
		return cause.Name(ctx, cause.Engine, "", err)
	}
	logger, ok := sched.(scheduler.Logger)
	if !ok {
		return cause.Fail(cause.Usage, "", "%s keeps no output of ferry", s.file.Target)
	}
	place := -1
	if l.Child >= 0 {
		children := s.file.Children()
		switch place = slices.Index(children, l.Child); {
		case s.file.Array == nil:
			return errNoArray
		case place < 0 && l.Child < s.file.Array.Count:
			return cause.Fail(cause.Usage, "", "child %d was not run again, and what ferry said of it is gone", l.Child)
		case place < 0:
			return noChild(l.Child, s.file.Array.Count)
		}
	}
	id, err := task(ctx, sched, s.file)
	if err == nil {
		var text string
		if text, err = logger.Log(ctx, id, s.file.Children(), place, ferryLogMax); err == nil {
			_, err = io.WriteString(l.Stdout, text)
		}
	}
	return cause.Name(ctx, cause.Engine, "", err)
}

var errNoArray = cause.Fail(cause.Usage, "", "the job is no array")

func noChild(index, count int) error {
	return cause.Fail(cause.Usage, "", "there is no child %d: the %d children are 0 to %d", index, count, count-1)
}

// A tail is one file of a metadata dir that is shown as it grows.
type tail struct {
	place place
	name  string
	out   *sheet
	mark  string // before each line; "" for none
	off   int64
	last  int // how many lines to begin with; 0 for all
}

// tailMax is where the last lines of a file are looked for, in bytes from its end.
const tailMax = 64 << 10

// A sheet is what one or more tails write to.
type sheet struct {
	w    io.Writer
	open *tail // whose line, with a mark, has no end yet; nil for none
}

// endLine ends a line that has no end.
func (s *sheet) endLine() error {
	if s.open == nil {
		return nil
	}
	s.open = nil
	_, err := io.WriteString(s.w, "\n")
	return err
}

// endLines ends the last line of marked output, which is for people.
func endLines(all []*tail) error {
	var errs []error
	for _, t := range all {
		errs = append(errs, t.out.endLine())
	}
	return errors.Join(errs...)
}

// tails are the files to show.
func (s *submission) tails(ctx context.Context, l Logs) ([]*tail, error) {
	stdout, stderr := &sheet{w: l.Stdout}, &sheet{w: l.Stderr}
	of := func(p place, mark string) []*tail {
		return []*tail{{place: p, name: "stdout.txt", out: stdout, mark: mark}, {place: p, name: "stderr.txt", out: stderr, mark: mark}}
	}
	if s.file.Array == nil {
		if l.Child >= 0 || l.OnlyFailed {
			return nil, errNoArray
		}
		return s.ownTails(ctx, l)
	}
	children := s.file.All() // also those that were not run again
	switch {
	case l.Child >= len(children):
		return nil, noChild(l.Child, len(children))
	case l.Child >= 0:
		children = []int{l.Child}
	case l.OnlyFailed:
		st, err := s.status(ctx)
		if err != nil {
			return nil, err
		}
		children = st.Failed
	}
	var all []*tail
	for _, i := range children {
		mark := fmt.Sprintf("[%d] ", i)
		if l.Child >= 0 {
			mark = ""
		}
		all = append(all, of(s.child(i), mark)...)
	}
	return all, nil
}

// ownTails are the files of a job that is no array. Its script may write them elsewhere than in the metadata dir.
func (s *submission) ownTails(ctx context.Context, l Logs) ([]*tail, error) {
	meta := last(s.file.Options["metadata-dir"])
	if meta == "" {
		meta = path.Join(last(s.file.Options["workdir"]), metadataName)
	}
	all := []*tail{{place: s.place, name: "stdout.txt", out: &sheet{w: l.Stdout}}, {place: s.place, name: "stderr.txt", out: &sheet{w: l.Stderr}}}
	for i, option := range []string{"stdout-file", "stderr-file"} {
		file := last(s.file.Options[option])
		if !path.IsAbs(file) {
			continue
		}
		dir, url := meta, s.place.url // the same directory, on a node and as a URL
		for dir != "/" && !subpath.Within(dir, file) {
			dir, url = path.Dir(dir), parent(url)
		}
		if dir == "/" {
			continue
		}
		at, err := s.c.at(ctx, url)
		if err != nil {
			return nil, err
		}
		all[i].place, all[i].name = at, strings.TrimPrefix(file, dir+"/")
	}
	return all, nil
}

func showAll(ctx context.Context, all []*tail) error {
	for _, t := range all {
		if err := t.show(ctx); err != nil {
			return cause.Name(ctx, cause.StageIn, "", fmt.Errorf("reading %s of %s: %w", t.name, t.place.url, err))
		}
	}
	return nil
}

// show writes what came since the last time. A file that is not there yet is empty.
func (t *tail) show(ctx context.Context) error {
	size, err := t.size(ctx)
	if err != nil || size <= t.off {
		return err
	}
	most := t.last
	if most > 0 {
		t.off, t.last = max(0, size-tailMax), 0
	}
	r, err := t.place.store.Open(ctx, t.place.key(t.name), store.OpenOptions{Off: t.off, Len: size - t.off})
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if most > 0 {
		data, err := io.ReadAll(io.LimitReader(r, size-t.off))
		cut := t.off > 0
		if t.off += int64(len(data)); err == nil {
			_, err = (&marker{t}).Write(lastLines(data, most, cut))
		}
		return err
	}
	n, err := io.Copy(&marker{t}, r)
	t.off += n
	return err
}

// lastLines are the last lines of a text, whose first may be cut.
func lastLines(data []byte, most int, cut bool) []byte {
	end := bytes.TrimSuffix(data, []byte("\n"))
	for range most {
		i := bytes.LastIndexByte(end, '\n')
		if i < 0 {
			if _, after, ok := bytes.Cut(data, []byte("\n")); cut && ok && len(after) > 0 {
				return after
			}
			return data
		}
		end = end[:i]
	}
	return data[len(end)+1:]
}

func (t *tail) size(ctx context.Context) (int64, error) {
	key := t.place.key(t.name)
	for o, err := range t.place.store.List(ctx, key) {
		if errors.Is(err, store.ErrNotExist) {
			break
		}
		if err != nil {
			return 0, err
		}
		if o.Key == key {
			return o.Size, nil
		}
	}
	return 0, nil
}

// A marker writes a tail's mark before each line. A line of another tail ends the one that is open.
type marker struct{ t *tail }

func (m *marker) Write(p []byte) (int, error) {
	t, out := m.t, m.t.out
	if t.mark == "" {
		return out.w.Write(p)
	}
	if out.open != t {
		if err := out.endLine(); err != nil {
			return 0, err
		}
	}
	var b strings.Builder
	for line := range strings.SplitAfterSeq(string(p), "\n") {
		if line == "" {
			continue
		}
		if out.open == nil {
			b.WriteString(t.mark)
		}
		b.WriteString(line)
		if out.open = t; strings.HasSuffix(line, "\n") {
			out.open = nil
		}
	}
	if _, err := io.WriteString(out.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
