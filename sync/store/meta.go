package store

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Names of the metadata that AWS DataSync and FSx for Lustre keep a file's attributes in.
// https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
const (
	MetaPermissions = "file-permissions" // the mode of stat(2) in octal, such as 0100644
	MetaModTime     = "file-mtime"       // since the epoch: nanoseconds with "ns" behind, else milliseconds
)

// The bits of stat(2)'s mode that say what a file is.
const (
	modeRegular   = 0o100000
	modeDirectory = 0o040000
)

// FileMeta is the metadata for a file or directory.
func FileMeta(mode fs.FileMode, t time.Time) Meta {
	kind := uint64(modeRegular)
	if mode.IsDir() {
		kind = modeDirectory
	}
	return Meta{
		MetaPermissions: "0" + strconv.FormatUint(kind|uint64(mode.Perm()), 8),
		MetaModTime:     strconv.FormatInt(t.UnixNano(), 10) + "ns",
	}
}

// Perm is the permissions in m, without set-id bits: only a file's owner may give those. It is false where m has no usable ones.
func (m Meta) Perm() (fs.FileMode, bool) {
	v, ok := m[MetaPermissions]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(v, 8, 32)
	return fs.FileMode(n) & fs.ModePerm, err == nil
}

// Times that files have, in seconds since the epoch: those of ext4. Another would be kept as something else.
const (
	earliest = -1 << 31
	latest   = 1<<34 - 1<<31
)

// ModTime is the modification time in m. It is false where m has none, or none that a file can have.
func (m Meta) ModTime() (time.Time, bool) {
	v, ok := m[MetaModTime]
	if !ok {
		return time.Time{}, false
	}
	digits, nano := strings.CutSuffix(v, "ns")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	t := time.UnixMilli(n)
	if nano {
		t = time.Unix(0, n)
	}
	if s := t.Unix(); s < earliest || s >= latest {
		return time.Time{}, false
	}
	return t, true
}
