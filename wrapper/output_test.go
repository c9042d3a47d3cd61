package wrapper_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/testenv"
)

// Results larger than the disk they lie on, or than --max-output, are refused by name; what fits is stored.
func TestMaxOutput(t *testing.T) {
	for name, c := range map[string]struct {
		make string
		more []string
		lost string
	}{
		"sparse":         {"truncate -s 3298534883328 huge.bin", nil, "/jobs/1/huge.bin"},
		"sparse, copied": {"truncate -s 3G huge.bin", []string{"stage", "copy", "max-output", "1g"}, "/jobs/1/huge.bin"},
		"limit":          {"head -c 2000000 /dev/zero > huge.bin", []string{"max-output", "1m"}, "/jobs/1/huge.bin"},
		"many links":     {"mkdir d; head -c 300000 /dev/zero > d/big; for i in 1 2 3 4; do ln -s big d/l$i; done", []string{"max-output", "1m"}, "/jobs/1/d/l"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRig(t)
			s.exec(c.make, "echo done > result.txt", "echo done > a.txt")
			r := s.ended(s.run(s.job(testenv.ModuleImage(t), c.more...)), cause.StageOut.Code(), cause.StageOut)
			if !slices.ContainsFunc(r.NotStored, func(n string) bool { return strings.HasPrefix(n, c.lost) }) || !strings.Contains(r.Error, "too large") {
				t.Errorf("not stored: %q, %s", r.NotStored, r.Error)
			}
			for _, n := range []string{"a.txt", "result.txt"} {
				if s.get("jobs/1/"+n) != "done\n" {
					t.Errorf("%s is missing", n)
				}
			}
			if s.get("jobs/1/huge.bin") != "" {
				t.Error("the large file is in the store")
			}
		})
	}
}

// A million names that cannot be stored leave a record of some size.
func TestManyRefusedNames(t *testing.T) {
	s := newRig(t)
	s.exec(fmt.Sprintf(`awk 'BEGIN { for (i = 0; i < %d; i++) { n = sprintf("bad\377%%d", i); printf "" > n; close(n) } }'`, 20_000), "echo done > result.txt")
	out := s.run(s.job(testenv.ModuleImage(t)))
	r := s.parse(s.meta("run.json"))
	if len(r.NotStored) > 10_001 || !strings.Contains(r.NotStored[len(r.NotStored)-1], "and 10000 more") || len(s.meta("run.json")) > 4<<20 {
		t.Errorf("ended with %v; %d names, the last %q, %d bytes", out, len(r.NotStored), r.NotStored[len(r.NotStored)-1], len(s.meta("run.json")))
	}
	if s.get("jobs/1/result.txt") != "done\n" {
		t.Error("the result is missing")
	}
}
