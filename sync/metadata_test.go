package sync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/genepattern/ferry/sync/store"
)

// Whatever the metadata of an object say, it comes, belongs to whoever runs ferry, and has permissions and no other bits. The next look
// brings nothing again.
func TestHostileMetadata(t *testing.T) {
	t.Parallel()
	st, _ := s3Store(t)
	hostile := []store.Meta{
		{"file-permissions": "0104755"}, {"file-permissions": "0102777"}, {"file-permissions": "0101777"}, {"file-permissions": "0160777"}, {"file-permissions": "0120777"},
		{"file-permissions": "-1"}, {"file-permissions": "99999999999999999999"}, {"file-permissions": "0x1ff"}, {"file-permissions": "rwxr-xr-x"}, {"file-permissions": "\xff\xfe"},
		{"file-permissions": "0100000"},
		{"file-mtime": "-1"}, {"file-mtime": "-9223372036854775808ns"}, {"file-mtime": "9223372036854775807ns"}, {"file-mtime": "9223372036854775807"}, {"file-mtime": "-9223372036854775808"},
		{"file-mtime": "1e99"}, {"file-mtime": "ns"}, {"file-mtime": "\xff\xfe"}, {"file-mtime": "99999999999999999999999999999999ns"},
		{"file-owner": "12345", "file-group": "12345", "file-acl": "\x80", "file-permissions": "0106644"},
	}
	for i, m := range hostile {
		put(t, st, fmt.Sprintf("p/%d", i), "content", m)
		put(t, st, fmt.Sprintf("p/d%d/", i), "", m)
	}
	dst := t.TempDir()
	again(t, st, dst)
	for i, m := range hostile {
		for _, name := range []string{fmt.Sprint(i), fmt.Sprint("d", i)} {
			info, err := os.Lstat(filepath.Join(dst, name))
			if err != nil {
				t.Errorf("%q: %v", m, err)
				continue
			}
			own, ok := info.Sys().(*syscall.Stat_t)
			if !ok || int(own.Uid) != os.Geteuid() || info.Mode()&(os.ModeSetuid|os.ModeSetgid|os.ModeSticky) != 0 {
				t.Errorf("%q gives %v of %d", m, info.Mode(), own.Uid)
			}
		}
	}
	if got := again(t, st, dst); len(got) > 0 {
		t.Errorf("came again: %q", got)
	}
}
