package store

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// A Location is a parsed URL of a store and a place in it.
type Location struct {
	Scheme string // SchemeS3 or SchemeFile
	Bucket string // of S3; the directory, absolute and clean, for SchemeFile
	Prefix string // key prefix without slashes at its ends; always "" for SchemeFile, whose directory says it all
}

// The schemes.
const (
	SchemeS3   = "s3"
	SchemeFile = "file"
)

// Parse reads "s3://bucket/prefix", "file:///dir" or the absolute path of a directory. Keys are literal: nothing is
// unescaped. A prefix names a directory, so slashes at its end mean nothing.
func Parse(raw string) (Location, error) {
	scheme, rest, found := strings.Cut(raw, "://")
	switch {
	case !found && filepath.IsAbs(raw):
		return Location{Scheme: SchemeFile, Bucket: filepath.Clean(raw)}, nil
	case !found:
		return Location{}, fmt.Errorf("%s is neither s3://BUCKET/PREFIX nor file:///DIRECTORY nor an absolute path", quote(raw))
	case scheme == SchemeFile && filepath.IsAbs(rest):
		return Location{Scheme: SchemeFile, Bucket: filepath.Clean(rest)}, nil
	case scheme == SchemeFile:
		return Location{}, fmt.Errorf("%s names no absolute directory; want file:///DIRECTORY", quote(raw))
	case scheme != SchemeS3:
		return Location{}, fmt.Errorf("%s has the unknown scheme %s; known are s3 and file", quote(raw), quote(scheme))
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return Location{}, fmt.Errorf("%s names no bucket; want s3://BUCKET/PREFIX", quote(raw))
	}
	return Location{Scheme: SchemeS3, Bucket: bucket, Prefix: strings.TrimRight(prefix, "/")}, nil
}

// String is the URL again.
func (l Location) String() string {
	if l.Scheme == SchemeFile {
		return "file://" + l.Bucket
	}
	if l.Prefix == "" {
		return l.Scheme + "://" + l.Bucket
	}
	return l.Scheme + "://" + l.Bucket + "/" + l.Prefix
}

// quote is for messages: a key with a newline stays on one line.
func quote(s string) string { return strconv.Quote(s) }
