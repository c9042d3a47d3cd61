package apptainer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/distribution/reference"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
)

// A form is a way in which an image is named.
type form int

const (
	formSIF      form = iota // a SIF file
	formSandbox              // a directory with a root file system
	formArchive              // docker-archive:FILE, oci-archive:FILE
	formLayout               // oci:DIRECTORY
	formRegistry             // docker://REFERENCE, or the reference alone
)

// A source is where an image is, by what it is named.
type source struct {
	form form
	ref  string // as asked for
	from string // as apptainer takes it
	file string // on this node; "" of a registry
	name reference.Named
}

// formsHint says which forms there are.
const formsHint = "an image is a .sif file, a directory, docker-archive:FILE, oci-archive:FILE, oci:DIR, or docker://REFERENCE"

// parse tells what a reference names, by its form alone.
func parse(ref string) (source, error) {
	s := source{ref: ref, from: ref}
	scheme, rest, has := strings.Cut(ref, ":")
	switch {
	case strings.HasPrefix(ref, "docker://"):
		return s.registry(strings.TrimPrefix(ref, "docker://"))
	case has && (scheme == "docker-archive" || scheme == "oci-archive"):
		s.form, s.file = formArchive, strings.TrimPrefix(rest, "//")
	case has && scheme == "oci":
		s.form, s.file = formLayout, strings.TrimPrefix(rest, "//")
	case strings.Contains(ref, "://"):
		return s, cause.Fail(cause.Usage, formsHint, "image %q: Apptainer's engine does not take images by %s://", ref, scheme)
	case filepath.IsAbs(ref) || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") || strings.HasSuffix(ref, sifSuffix):
		s.form, s.file = formSIF, ref
	default:
		return s.registry(ref)
	}
	if s.file == "" {
		return s, cause.Fail(cause.Usage, formsHint, "image %q names no file", ref)
	}
	return s, nil
}

// checkForm is Kind.Image.
func checkForm(ref string) error {
	_, err := parse(ref)
	return err
}

// locate is parse, and looks what of this node the reference names. Of a registry nothing is asked.
func locate(ref string) (source, error) {
	s, err := parse(ref)
	if err != nil || s.form == formRegistry {
		return s, err
	}
	if s.file, err = filepath.Abs(s.file); err != nil {
		return s, err
	}
	st, err := os.Stat(s.file)
	switch {
	case err != nil:
		return s, &cause.Error{Cause: cause.Image, Hint: "is the path one of this node?", Err: fmt.Errorf("image %q: %w: %w", ref, engine.ErrNoImage, err)}
	case s.form == formSIF && st.IsDir():
		s.form = formSandbox
	case s.form != formLayout && !st.Mode().IsRegular():
		return s, cause.Fail(cause.Usage, formsHint, "image %q is no file", ref)
	}
	if s.form == formArchive || s.form == formLayout {
		scheme, _, _ := strings.Cut(ref, ":")
		s.from = scheme + ":" + s.file
	}
	return s, nil
}

func (s source) registry(ref string) (source, error) {
	name, err := reference.ParseDockerRef(ref)
	if err != nil {
		return s, cause.Fail(cause.Usage, formsHint, "image %q: %w", s.ref, err)
	}
	s.form, s.name, s.from = formRegistry, name, "docker://"+name.String()
	return s, nil
}

// plain reports whether a registry is spoken to without TLS. As with Docker, that is one on this machine.
func plain(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// key names the image in the cache. An archive that was written again is another image.
func (s source) key() (string, error) {
	what, short := s.from, ""
	switch s.form {
	case formRegistry:
		short = path.Base(s.name.Name())
		if t, ok := s.name.(reference.Tagged); ok {
			short += "-" + t.Tag()
		}
	default:
		st, err := os.Stat(s.file)
		if err != nil {
			return "", err
		}
		short = strings.TrimSuffix(filepath.Base(s.file), filepath.Ext(s.file))
		what = fmt.Sprintf("%s %d %d", s.from, st.Size(), st.ModTime().UnixNano())
	}
	sum := sha256.Sum256([]byte(what))
	return usable(short) + "-" + hex.EncodeToString(sum[:8]), nil
}

var unusable = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// usable is a name as a file's.
func usable(name string) string {
	name = strings.TrimLeft(unusable.ReplaceAllString(name, "_"), ".")
	return name[:min(len(name), 80)]
}
