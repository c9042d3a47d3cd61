package docker

import (
	"strconv"
	"strings"
	"testing"
)

// FuzzUser holds that an image's user becomes a number that the kernel has, or nothing: never another text for root.
func FuzzUser(f *testing.F) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nann:x:1000:100:Ann:/home/ann:/bin/sh\n"
	for _, user := range []string{"root", "toor", "+0", "-0", "00", "0x0", "ann", "1000", "99999999999", "", " 0", "٠"} {
		f.Add(passwd, user)
	}
	f.Add("a:x:+0:-0\na:x:1:1\nb:::\n:x:0:0\n"+strings.Repeat("x", 70000)+"\nc:x:0:0", "a")
	f.Fuzz(func(t *testing.T, database, user string) {
		third, fourth := fieldsOf(strings.NewReader(database), user)
		n, _ := number(user)
		for _, text := range []string{third, fourth, n} {
			if text == "" {
				continue
			}
			if id, err := strconv.ParseInt(text, 10, 64); err != nil || id < 0 || id > 1<<31-1 || strconv.FormatInt(id, 10) != text {
				t.Errorf("%q of %q becomes %q", user, database, text)
			}
		}
	})
}
