package apptainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/tartree"
)

// hintSquash is for a node without the program that reads SIF files.
const hintSquash = "install squashfs-tools, which Apptainer needs, too"

// notAll is unsquashfs's code where it could not make everything, such as a device that only root can make. No module misses one:
// apptainer gives it a /dev of its own.
const notAll = 2

// unpack gives an image as apptainer runs it a copy at dir, which must not exist.
func (d *depot) unpack(ctx context.Context, image, dir string) error {
	if st, err := os.Stat(image); err != nil || st.IsDir() {
		return errors.Join(err, copyDir(ctx, image, dir))
	}
	return unpackSIF(ctx, d.programs, image, dir)
}

// unpackSIF unpacks the root file system of a SIF file to dir, which must not exist. Apptainer itself unpacks with more rights than a root
// in a container has.
func unpackSIF(ctx context.Context, path, file, dir string) error {
	s, err := readSIF(file)
	if err != nil {
		return err
	}
	program, err := inPath("unsquashfs", path)
	if err != nil {
		return engine.Unreachable(hintSquash, err)
	}
	cmd := exec.CommandContext(ctx, program, "-no-progress", "-no-xattrs", "-o", strconv.FormatInt(s.system, 10), "-d", dir, file)
	cmd.Env = []string{"PATH=" + path, "LC_ALL=C"}
	said := &tail{most: 4096}
	cmd.Stderr = said
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == notAll {
		err = nil
	}
	if err != nil && ctx.Err() == nil {
		return full(fmt.Errorf("unpacking %q: %w: %s", file, err, strings.TrimSpace(lastLine(said.b.Bytes()))))
	}
	return errors.Join(err, context.Cause(ctx))
}

func lastLine(said []byte) string {
	said = bytes.TrimSpace(said)
	return string(said[bytes.LastIndexByte(said, '\n')+1:])
}

// copyDir copies an unpacked image to dir, which must not exist.
func copyDir(ctx context.Context, from, dir string) error {
	src, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return full(err)
	}
	dst, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer dst.Close()
	in := tartree.Stream(func(w *tartree.Writer) error { return w.Tree(ctx, src, ".", ".", true) })
	defer in.Close()
	x := tartree.Extractor{Root: dst, Owners: os.Geteuid() == 0}
	return full(x.Extract(ctx, in))
}
