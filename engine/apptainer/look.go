package apptainer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/genepattern/ferry/engine"
)

// An entry is what an image has at a path; the zero entry is nothing.
type entry struct {
	mode fs.FileMode
	link string
	is   bool
}

// A rootfs tells what an image has at paths without links on the way. It is safe for concurrent use.
type rootfs interface {
	// look finds out about paths, none of which begins with a slash.
	look(ctx context.Context, paths []string) (map[string]entry, error)
}

// maxLinks is how many links a path may lead over, as in the kernel.
const maxLinks = 40

// resolve says what each of the absolute paths is, once all links on the way are followed. No link leads out of the image. What does
// not exist is the zero entry.
func resolve(ctx context.Context, in rootfs, paths []string) (map[string]entry, error) {
	known := map[string]entry{}
	found := map[string]entry{}
	for range maxLinks {
		var ask []string
		for _, p := range paths {
			e, missing := walk(known, p)
			if missing == nil {
				found[p] = e
				continue
			}
			ask = append(ask, missing...)
		}
		if len(ask) == 0 {
			return found, nil
		}
		more, err := in.look(ctx, ask)
		if err != nil {
			return nil, err
		}
		for _, p := range ask {
			known[p] = more[p]
		}
	}
	return found, nil
}

// walk follows a path as far as the entries are known. missing are those that it needs besides.
func walk(known map[string]entry, p string) (e entry, missing []string) {
	rest := strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/")
	at := ""
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			continue
		}
		here := path.Join(at, name)
		e, ok := known[here]
		if !ok {
			missing = []string{here}
			for _, next := range rest { // they may well be no links
				here = path.Join(here, next)
				missing = append(missing, here)
			}
			return entry{}, missing
		}
		switch {
		case !e.is:
			return entry{}, nil
		case e.link != "":
			if links++; links > maxLinks {
				return entry{}, nil
			}
			if path.IsAbs(e.link) {
				at = ""
			}
			rest = append(strings.Split(strings.Trim(e.link, "/"), "/"), rest...)
			continue
		case len(rest) == 0:
			return e, nil
		case !e.mode.IsDir():
			return entry{}, nil
		}
		at = here
	}
	return entry{mode: fs.ModeDir | 0o755, is: true}, nil
}

// A sandbox is an image that is a directory.
type sandbox struct{ dir string }

var _ rootfs = sandbox{}

func (s sandbox) look(_ context.Context, paths []string) (map[string]entry, error) {
	all := map[string]entry{}
	for _, p := range paths {
		// Nothing on the way is a link: the paths before it were asked for, and are no links, or this one does not matter.
		file := filepath.Join(s.dir, p)
		st, err := os.Lstat(file)
		if err != nil {
			all[p] = entry{}
			continue
		}
		e := entry{mode: st.Mode(), is: true}
		if st.Mode()&fs.ModeSymlink != 0 {
			if e.link, err = os.Readlink(file); err != nil {
				e = entry{}
			}
		}
		all[p] = e
	}
	return all, nil
}

// A squashed image is one in a SIF file. What it has is asked of unsquashfs, which Apptainer itself needs, and kept.
type squashed struct {
	file   string
	offset int64
	path   string // of programs

	mu    sync.Mutex
	known map[string]entry
}

var _ rootfs = (*squashed)(nil)

// often are files that ferry asks for about every image: one question is as cheap as six.
var often = []string{"bin/bash", "usr/bin/bash", "usr/local/bin/bash", "bin/sh", "usr/bin/sh", "usr/local/bin/sh"}

func (s *squashed) look(ctx context.Context, paths []string) (map[string]entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, ask := map[string]entry{}, []string(nil)
	for _, p := range paths {
		if e, ok := s.known[p]; ok {
			all[p] = e
		} else {
			ask = append(ask, p)
		}
	}
	if len(ask) == 0 {
		return all, nil
	}
	if s.known == nil {
		s.known = map[string]entry{}
		ask = append(ask, often...)
	}
	wanted := map[string]bool{}
	for _, p := range ask {
		for q := p; q != "."; q = path.Dir(q) {
			wanted[q] = true
		}
	}
	if err := s.ask(ctx, wanted); err != nil {
		return nil, err
	}
	for p := range wanted {
		if _, ok := s.known[p]; !ok {
			s.known[p] = entry{}
		}
	}
	for _, p := range paths {
		all[p] = s.known[p]
	}
	return all, nil
}

// ask lists the wanted paths. Where one is a directory, unsquashfs also lists what is in it, as deep as it is let.
func (s *squashed) ask(ctx context.Context, wanted map[string]bool) error {
	program, err := inPath("unsquashfs", s.path)
	if err != nil {
		return engine.Unreachable(hintSquash, err)
	}
	deep, names := 0, make([]string, 0, len(wanted))
	for p := range wanted {
		deep = max(deep, strings.Count(p, "/")+1)
		names = append(names, p)
	}
	args := func(more ...string) []string {
		return append(append(more, "-o", strconv.FormatInt(s.offset, 10), "-no-wildcards", "-lln", s.file), names...)
	}
	if err = s.list(ctx, program, wanted, args("-max-depth", strconv.Itoa(deep))); err != nil {
		err = s.list(ctx, program, wanted, args()) // versions before 4.5 list to the ground
	}
	return err
}

func (s *squashed) list(ctx context.Context, program string, wanted map[string]bool, args []string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + s.path, "LC_ALL=C"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	const top = " squashfs-root"
	some := false
	in := bufio.NewScanner(out)
	for in.Scan() {
		before, name, ok := strings.Cut(in.Text(), top)
		if !ok || len(before) < 10 {
			continue
		}
		some = true
		name, link, _ := strings.Cut(strings.TrimPrefix(name, "/"), " -> ")
		if wanted[name] {
			s.known[name] = entry{mode: listed(before[:10]), link: link, is: true}
		}
	}
	_, _ = io.Copy(io.Discard, out)             // of a line that is longer than a path can be
	if err := cmd.Wait(); err != nil && !some { // it also fails where a path does not exist
		return fmt.Errorf("looking into %q: %w", s.file, err)
	}
	return nil
}

// listed is a mode as ls prints it.
func listed(text string) fs.FileMode {
	var m fs.FileMode
	for i, bit := range []fs.FileMode{0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001} {
		if c := text[i+1]; c != '-' && c != 'S' && c != 'T' {
			m |= bit
		}
	}
	switch text[0] {
	case '-':
	case 'd':
		m |= fs.ModeDir
	case 'l':
		m |= fs.ModeSymlink
	default:
		m |= fs.ModeIrregular
	}
	return m
}

// inPath finds a program in a PATH, or where systems keep what ordinary users seldom call.
func inPath(name, dirs string) (string, error) {
	for _, dir := range append(filepath.SplitList(dirs), "/usr/sbin", "/sbin", "/usr/local/sbin") {
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New("there is no " + name + " in PATH")
}
