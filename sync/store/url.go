package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/internal/egress"
)

// A Location is the parsed URL of a store and a key prefix in it.
type Location struct {
	Scheme string // as its Kind has it
	// Bucket is what holds the objects: a bucket, a container, a directory (absolute and clean), a host.
	Bucket string
	// Prefix is the key prefix without slashes at its end. It is "" for a directory, whose whole path is the Bucket.
	Prefix string
	// Secret is what in the URL opened the store, such as a signature; "" for none. String leaves it out.
	Secret Secret
}

// A Secret prints as "***" however it is printed.
type Secret string

// Reveal gives what it is.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string   { return "***" }
func (s Secret) GoString() string { return "***" }

// String is the URL again.
func (l Location) String() string {
	if l.Prefix == "" {
		return l.Scheme + "://" + l.Bucket
	}
	return l.Scheme + "://" + l.Bucket + "/" + l.Prefix
}

// Parse parses a URL of one of the kinds, such as "s3://bucket/prefix", and gives its kind. Where one of the kinds takes paths, raw
// may be an absolute path. Keys are literal: nothing is unescaped. A prefix names a directory, so slashes at its end mean nothing.
func Parse(raw string, kinds []Kind) (Location, Kind, error) {
	scheme, rest, found := strings.Cut(raw, "://")
	for _, k := range kinds {
		if !found || k.Claims == nil {
			continue
		}
		if own, secret, ok := k.Claims(scheme, rest); ok {
			at, kind, err := k.locate(raw, k.Schemes[0], own)
			at.Secret = secret
			return at, kind, err
		}
	}
	for _, k := range kinds {
		if !found && k.Paths && filepath.IsAbs(raw) {
			return k.locate(raw, k.Schemes[0], raw)
		}
		if found && slices.Contains(k.Schemes, scheme) {
			return k.locate(raw, scheme, rest)
		}
	}
	if found {
		return Location{}, Kind{}, fmt.Errorf("%s has the unknown scheme %s; known are %s", quote(egress.Shown(raw)), quote(scheme), schemes(kinds))
	}
	return Location{}, Kind{}, fmt.Errorf("%s is neither %s", quote(raw), forms(kinds))
}

func (k Kind) locate(raw, scheme, rest string) (Location, Kind, error) {
	bucket, prefix, err := k.Parse(rest)
	if err != nil {
		return Location{}, Kind{}, fmt.Errorf("%s %w; want %s", quote(egress.ShownAny(raw)), err, k.Form)
	}
	return Location{Scheme: scheme, Bucket: bucket, Prefix: strings.TrimRight(prefix, "/")}, k, nil
}

// ParseBucket is Kind.Parse for URLs in which BUCKET/PREFIX follows the scheme.
func ParseBucket(rest string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(rest, "/")
	if bucket == "" {
		return "", "", errors.New("names no bucket")
	}
	return bucket, prefix, nil
}

// schemes is "a, b and c".
func schemes(kinds []Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.Schemes...)
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// forms is "s3://BUCKET/PREFIX nor …".
func forms(kinds []Kind) string {
	var all []string
	paths := false
	for _, k := range kinds {
		all = append(all, k.Form)
		paths = paths || k.Paths
	}
	if paths {
		all = append(all, "an absolute path")
	}
	return strings.Join(all, " nor ")
}

// quote is for messages: a key with a newline stays on one line.
func quote(s string) string { return strconv.Quote(s) }
