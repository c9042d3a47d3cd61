package wrapper_test

import (
	"os"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// Users of images that are root, or seem to be somebody else than they are.
var passwd = strings.Join([]string{
	"root:x:0:0::/:/bin/sh", "toor:x:0:0::/:/bin/sh", "1000:x:0:0::/:/bin/sh", // a name that looks like a number
	"odd:x:+0:0::/:/bin/sh", "odd:x:1000:1000::/:/bin/sh", // the first has a number that an engine may read as 0
	"none:x:nothing:0::/:/bin/sh", "none:x:1000:1000::/:/bin/sh",
	"tool:x:1234:4321::/:/bin/sh",
	"large:x:4294967296:4294967296::/:/bin/sh", // of which 32 bits are 0
}, "\n") + "\n"

// TestForbidRoot has images that say in many ways that they run as root. Whatever is not refused must not be root.
func TestForbidRoot(t *testing.T) {
	base := testenv.ModuleImage(t)
	for user, refused := range map[string]bool{
		"": true, "root": true, "0": true, "toor": true, "+0": true, "-0": true, "00": true, "0:1000": true, "+0:+0": true, "toor:tool": true, "+00:1": true,
		"nobodyknows": true, "4294967296": true, "-1": true, " ": true, "odd": true, "large": true, "large:0": true, "4294967296:0": true,
		"1000": false, "+1000": false, "tool": false, "tool:tool": false, "tool:7": false, "none": false, "1234:0": false,
	} {
		t.Run("user "+user, func(t *testing.T) {
			s := newRig(t)
			image := testenv.DerivedImage(t, base, map[string]string{"etc/passwd": passwd, "etc/group": "root:x:0:\ntool:x:4321:\nextra:x:77:tool\n"}, `USER "`+user+`"`)
			s.exec(whoami, "exit 0")
			out := s.run(s.job(image, "forbid-root", "true"))
			if refused {
				if out.Code == 0 || s.get("jobs/1/who") != "" {
					t.Errorf("it ran as %q: %+v", s.get("jobs/1/who"), out)
				}
				if out.Cause != cause.Refused && user != " " { // which the engine does not take at all
					t.Errorf("%+v", out)
				}
				return
			}
			s.ended(out, 0, cause.None)
			if who := s.get("jobs/1/who"); who == "" || strings.HasPrefix(who, "0:") {
				t.Errorf("it ran as %q", who)
			}
		})
	}
	t.Run("groups", func(t *testing.T) {
		s := newRig(t)
		image := testenv.DerivedImage(t, base, map[string]string{"etc/passwd": passwd, "etc/group": "root:x:0:\ntool:x:4321:\nextra:x:77:tool\n"}, "USER tool")
		s.exec(whoami)
		s.ended(s.run(s.job(image, "forbid-root", "true")), 0, cause.None)
		if who := strings.TrimSpace(s.get("jobs/1/who")); !strings.HasPrefix(who, "1234:4321:") || !strings.Contains(who, "77") {
			t.Errorf("it ran as %q", who)
		}
	})
	for _, user := range []string{"0:0", "00:00", "0:1000", "caller"} {
		t.Run("--user "+user, func(t *testing.T) {
			s := newRig(t)
			if user == "caller" && os.Geteuid() != 0 { // whose local prefix is not root's
				return
			}
			s.exec(whoami)
			s.ended(s.run(s.job(base, "forbid-root", "true", "user", user)), 66, cause.Refused)
		})
	}
}

// whoami writes the effective user, group and groups to the file who.
const whoami = `while read -r key first id rest; do
	case $key in
	Uid:|Gid:) printf '%s:' "$id" ;;
	Groups:) echo "$first $id $rest" ;;
	esac
done </proc/self/status >who`
