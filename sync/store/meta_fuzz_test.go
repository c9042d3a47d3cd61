package store

import (
	"testing"
	"time"
)

// FuzzMeta holds that whatever an object's metadata says, a file gets permissions and nothing else.
func FuzzMeta(f *testing.F) {
	for _, m := range []string{"0100644", "0104755", "0102755", "01777", "0160777", "-1", "99999999999999999999", "7777777777", "0x1ff", "\xff\xfe", "0120777", ""} {
		for _, s := range []string{"0ns", "-1", "9223372036854775807", "9223372036854775807ns", "-9223372036854775808", "1e3", "ns", "\x00", "1ns"} {
			f.Add(m, s)
		}
	}
	f.Fuzz(func(t *testing.T, mode, mtime string) {
		m := Meta{MetaPermissions: mode, MetaModTime: mtime}
		perm, ok := m.Perm()
		if perm&^0o777 != 0 {
			t.Errorf("%q gives %v", mode, perm)
		}
		at, dated := m.ModTime()
		if ok && dated && at.Before(time.Unix(0, 1<<63-1)) { // FileMeta has nanoseconds
			again := FileMeta(perm, at)
			p, ok := again.Perm()
			if a, dated := again.ModTime(); !ok || !dated || p != perm || !a.Equal(at) {
				t.Errorf("%v becomes %v", m, again)
			}
		}
	})
}
