package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/submit"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/wrapper/record"
)

// A desk is where somebody submits the scene's job from: a directory with inputs, and ferry's own state.
type desk struct {
	*scene
	dir   string
	state string
}

func newDesk(s *scene) *desk {
	s.t.Helper()
	d := &desk{scene: s, dir: tempDir(s.t), state: tempDir(s.t)}
	s.onHost = true
	if err := os.Mkdir(filepath.Join(d.dir, "in"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	clear(s.results)
	for i := range 4 {
		name, text := fmt.Sprintf("f%d.txt", i), fmt.Sprintf("file %d\n", i)
		if err := os.WriteFile(filepath.Join(d.dir, "in", name), []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.results[d.dir+"/work/"+name] = text
	}
	s.results[d.dir+"/work/result.txt"] = "done\n"
	return d
}

// ferry is a command of whoever sits at the desk.
func (d *desk) ferry(args ...string) *ferry {
	d.t.Helper()
	f := &ferry{s: d.scene, done: make(chan struct{}), more: make(chan struct{})}
	f.cmd = exec.Command(testenv.FerryBinary(d.t), args...)
	f.cmd.Dir, f.cmd.Env = d.dir, testenv.Environ(append(slices.Clone(d.env), "DOCKER_HOST="+d.host, "XDG_STATE_HOME="+d.state)...)
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.begin(f)
	return f
}

// submit submits the job and follows it. The lines are its script's, after it has copied its inputs.
func (d *desk) submit(lines ...string) *ferry { return d.submitWith(nil, lines...) }

func (d *desk) submitWith(flags []string, lines ...string) *ferry {
	d.t.Helper()
	script := strings.Join(append([]string{"set -e", "cp " + d.dir + "/in/* .", "echo done > result.txt", "echo begun"}, lines...), "\n")
	args := []string{"submit", "--remote", "s3://" + d.s3.Bucket + "/root", "--image", testenv.ModuleImage(d.t), "--network", "none", "--workdir", "work", "--input", "in",
		"--local-prefix", d.prefix}
	return d.ferry(append(append(args, flags...), "--", "sh", "-c", script)...)
}

// handle is that of the job.
func (d *desk) handle() string { return "s3://" + d.s3.Bucket + "/root" + d.dir + "/work/.gp_metadata" }

// meta is the path of a file of the metadata dir.
func (d *desk) meta(name string) string { return d.dir + "/work/.gp_metadata/" + name }

// status asks for the job's status until it is in one of the states; none for any.
func (d *desk) status(states ...submit.State) (st submit.Status) {
	d.t.Helper()
	d.waitFor(fmt.Sprintf("the state %q", states), func() bool {
		f := d.ferry("status", "--json", d.handle())
		code := f.end()
		text, _ := f.said()
		line := text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]
		return code == 0 && json.Unmarshal([]byte(line), &st) == nil && (len(states) == 0 || slices.Contains(states, st.State))
	})
	return st
}

// job is the job.json in the store; nil where there is none.
func (d *desk) job() *handle.File {
	d.t.Helper()
	text, ok := d.stored(d.meta(handle.FileName))
	if !ok {
		return nil
	}
	f, err := handle.Parse([]byte(text))
	if err != nil {
		d.t.Fatal(err)
	}
	return f
}

// jobs is how many processes were begun for jobs here.
func (d *desk) jobs() int {
	entries, _ := os.ReadDir(filepath.Join(d.state, "ferry", "local"))
	return len(entries)
}

// spool is a file of the local scheduler's.
func (d *desk) spool(name string) string {
	return filepath.Join(d.state, "ferry", "local", d.job().Name, name)
}

// pid is the process that runs the job.
func (d *desk) pid() int {
	d.t.Helper()
	pid := 0
	d.waitFor("the job's process", func() bool {
		if d.jobs() == 0 || d.job() == nil {
			return false
		}
		data, err := os.ReadFile(d.spool("pid"))
		if err == nil {
			pid, err = strconv.Atoi(string(data))
		}
		return err == nil
	})
	return pid
}

// checkJob compares what whoever submitted was told with the record, the exit code's file, and what is left. It says how the job ended.
func (d *desk) checkJob(f *ferry) record.Record {
	d.t.Helper()
	code := f.end()
	var rec record.Record
	where := ""
	if text, ok := d.stored(d.meta(record.FileName)); ok && json.Unmarshal([]byte(text), &rec) == nil && rec.State == record.StateDone {
		where = "in the store"
	}
	d.got.code, d.got.cause = code, string(rec.Cause)
	if code != d.row.code || string(rec.Cause) != d.row.cause || where == "" || rec.ExitCode != code {
		d.bad("exit code %d, want %d; the record %s says %d %q (%s)", code, d.row.code, where, rec.ExitCode, rec.Cause, rec.Error)
	}
	if text, _ := d.stored(d.meta("exit_code.txt")); !strings.Contains(text, fmt.Sprintf(": %d", code)) {
		d.bad("exit_code.txt is %q, the exit code %d", text, code)
	}
	d.checkResults(rec, where)
	d.checkLeft()
	d.noClaims()
	return rec
}

// noJob checks that nothing was submitted, and then that nothing is in the way of another try.
func (d *desk) noJob(f *ferry) {
	d.t.Helper()
	code := f.end()
	said, _ := f.said()
	d.got.code, d.got.cause = code, d.row.cause
	if code != d.row.code || d.jobs() != 0 || !strings.Contains(said, "ferry: ") {
		d.bad("exit code %d, %d jobs, %q", code, d.jobs(), said)
	}
	d.got.store = "no job"
	d.checkLeft()
	d.proxy.Clear()
	if code := d.submit().end(); code != 0 || d.jobs() != 1 {
		d.bad("another try: exit code %d, %d jobs", code, d.jobs())
	}
	d.noClaims()
}

// noClaims looks that whoever submitted has left no claim.
func (d *desk) noClaims() {
	d.t.Helper()
	left, err := filepath.Glob(filepath.Join(d.s3.Dir, "root", d.meta(handle.FileName)+".*"))
	if err != nil || len(left) > 0 {
		d.bad("claims are left: %q, %v", left, err)
	}
}

// on is a rule's Match: requests for the key of a file of the metadata dir, or of an input.
func (d *desk) on(name string) func(testenv.Request) bool {
	return func(r testenv.Request) bool { return r.Key == "root"+d.dir+"/"+name }
}

// stallKey keeps a request for a key waiting, and says once it has come.
func (d *desk) stallKey(kind, name string, after int) *atomic.Bool {
	come, seen := new(atomic.Bool), 0
	match := d.on(name)
	d.proxy.Add(testenv.Rule{Kind: kind, Fault: testenv.Fault{Stall: true}, Match: func(r testenv.Request) bool {
		if !match(r) {
			return false
		}
		if seen++; seen <= after {
			return false
		}
		come.Store(true)
		return true
	}})
	return come
}

// submitRows are those of who submits a job, follows it, and asks about it.
func submitRows() []row {
	const group = "Submitting: `ferry submit`"
	refuses := func(kind, name string) func(*scene) {
		return func(s *scene) {
			d := newDesk(s)
			d.proxy.Add(testenv.Rule{Kind: kind, Match: d.on(name), Fault: testenv.Fault{Status: 403}})
			d.noJob(d.submit())
		}
	}
	return []row{
		{group: group, name: "the store cannot be reached before anything is sent", code: 73, cause: "stage-out", slow: true, run: func(s *scene) {
			d := newDesk(s)
			d.proxy.Away()
			f := d.submit()
			<-f.done
			d.proxy.Back(s.t)
			d.noJob(f)
		}},
		{group: group, name: "an input is refused while the directories are sent", code: 73, cause: "stage-out", run: refuses("PutObject", "in/f2.txt")},
		{group: group, name: "the description is refused, after the directories were sent", code: 73, cause: "stage-out", run: refuses("PutObject", "work/.gp_metadata/job.json")},
		{group: group, name: "the store goes away for 8 s while the job is followed", code: 0, quick: true, run: func(s *scene) {
			d := newDesk(s)
			f := d.submit("sleep 12")
			f.until("begun")
			d.proxy.Away()
			time.Sleep(8 * time.Second) // as the row says
			d.proxy.Back(s.t)
			d.checkJob(f)
		}},
		{group: group, name: "ferry submit is killed while it sends, and the command repeated", code: 0, run: func(s *scene) {
			d := newDesk(s)
			come := d.stallKey("PutObject", "in/f2.txt", 0)
			f := d.submit()
			d.waitFor("the input", come.Load)
			f.signal(syscall.SIGKILL)
			f.end()
			d.proxy.Clear()
			d.checkJob(d.submit())
			if d.jobs() != 1 {
				d.bad("%d jobs", d.jobs())
			}
		}},
		{group: group, name: "ferry submit is told to stop (SIGINT) while it sends, and the command repeated", code: 0, run: func(s *scene) {
			d := newDesk(s)
			come := d.stallKey("PutObject", "in/f2.txt", 0)
			f := d.submit()
			d.waitFor("the input", come.Load)
			f.signal(syscall.SIGINT)
			if code := f.end(); code != 75 || d.jobs() != 0 {
				d.bad("exit code %d, %d jobs", code, d.jobs())
			}
			d.noClaims()
			d.proxy.Clear()
			d.checkJob(d.submit())
		}},
		{group: group, name: "the scheduler's answer is lost: ferry submit is killed before it is noted, and the command repeated", code: 0, quick: true, run: func(s *scene) {
			d := newDesk(s)
			come := d.stallKey("PutObject", "work/.gp_metadata/job.json", 1)
			f := d.submit("sleep 3")
			d.waitFor("the second job.json", come.Load)
			f.signal(syscall.SIGKILL)
			f.end()
			d.proxy.Clear()
			first := d.job()
			again := d.submit("sleep 3")
			d.checkJob(again)
			if now := d.job(); d.jobs() != 1 || first.Task != "" || now.Name != first.Name || now.Task == "" {
				d.bad("%d jobs; %q with the id %q, then %q with %q", d.jobs(), first.Name, first.Task, now.Name, now.Task)
			}
		}},
		{group: group, name: "cancelled while it is staged in", code: 75, cause: "interrupted", quick: true, run: func(s *scene) {
			d := newDesk(s)
			clear(s.results)
			come := d.stallKey("GetObject", "in/f2.txt", 0)
			f := d.submit()
			d.waitFor("the input", come.Load)
			if code := d.ferry("cancel", d.handle()).end(); code != 0 {
				d.bad("ferry cancel: %d", code)
			}
			d.checkJob(f)
			if st := d.status(); st.State != submit.Cancelled {
				d.bad("the state is %s", st.State)
			}
		}},
		{group: group, name: "the node vanishes while the module runs: lost, with what is known; and it is run again", code: 69, cause: "engine", run: func(s *scene) {
			d := newDesk(s)
			f := d.submit("[ -e " + d.dir + "/in/again ] || { sleep 300 & wait; }")
			f.until("begun")
			d.waitFor("the record of the module", func() bool { text, _ := d.stored(d.meta(record.FileName)); return strings.Contains(text, `"module"`) })
			if err := syscall.Kill(d.pid(), syscall.SIGKILL); err != nil {
				s.t.Fatal(err)
			}
			code := f.end()
			st := d.status()
			d.got.code, d.got.cause = code, "engine"
			if code != s.row.code || st.State != submit.Lost || !strings.Contains(st.Message, "stage module") || st.Hint == "" || st.Started == nil {
				d.bad("exit code %d, %+v", code, st)
			}
			if err := os.WriteFile(filepath.Join(d.dir, "in", "again"), nil, 0o644); err != nil {
				s.t.Fatal(err)
			}
			if code := d.ferry("submit", "--again", d.handle(), "--wait").end(); code != 0 || d.status().State != submit.Done {
				d.bad("run again: %d, %+v", code, d.status())
			}
			d.checkResults(record.Record{}, "in the store")
			d.checkLeft() // what was left is removed by the ferry that came next
		}},
		{group: group, name: "the scheduler says that it failed, and the record that it is done", code: 0, run: func(s *scene) {
			d := newDesk(s)
			f := d.submit()
			d.checkJob(f)
			if err := os.Remove(d.spool("exit")); err != nil { // as of a process that was killed after its last word to the store
				s.t.Fatal(err)
			}
			if st := d.status(); st.State != submit.Done || *st.ExitCode != 0 || !strings.Contains(st.Message, "the scheduler says that the job failed") {
				d.bad("%+v", st)
			}
		}},
		{group: group, name: "the scheduler says that it succeeded, and the record that it failed", code: 3, run: func(s *scene) {
			d := newDesk(s)
			f := d.submit("exit 3")
			d.checkJob(f)
			if err := os.WriteFile(d.spool("exit"), []byte("0\n"), 0o600); err != nil {
				s.t.Fatal(err)
			}
			if st := d.status(); st.State != submit.Failed || *st.ExitCode != 3 || !strings.Contains(st.Message, "the scheduler says that the job succeeded") {
				d.bad("%+v", st)
			}
		}},
		{group: group, name: "the scheduler says that it succeeded, and there is no record: lost", code: 0, run: func(s *scene) {
			d := newDesk(s)
			d.checkJob(d.submit())
			for _, n := range []string{record.FileName, "exit_code.txt"} {
				if err := os.Remove(filepath.Join(s.s3.Dir, "root", d.meta(n))); err != nil {
					s.t.Fatal(err)
				}
			}
			if st := d.status(); st.State != submit.Lost || !strings.Contains(st.Message, "there is no record") {
				d.bad("%+v", st)
			}
		}},
		{group: group, name: "clocks are decades apart", code: 0, run: func(s *scene) {
			d := newDesk(s)
			d.checkJob(d.submit())
			year := time.Now().Format("2006-")
			for name, other := range map[string]string{record.FileName: "1999-", handle.FileName: "2093-"} {
				text, _ := d.stored(d.meta(name))
				s.put(d.meta(name), strings.ReplaceAll(text, `"`+year, `"`+other))
			}
			if st := d.status(); st.State != submit.Done || st.Submitted.Year() != 2093 || st.Started.Year() != 1999 {
				d.bad("%+v", st)
			}
			for _, args := range [][]string{{"logs", d.handle()}, {"logs", "-f", d.handle()}, {"fetch", d.handle()}, {"cancel", d.handle()}, {"jobs"}} {
				if code := d.ferry(args...).end(); code != 0 {
					d.bad("ferry %q: %d", args, code)
				}
			}
		}},
		{group: group, name: "two people submit in one place at the same time", code: 0, quick: true, run: func(s *scene) {
			d := newDesk(s)
			other := *d
			other.state = tempDir(s.t)
			ann, bob := d.submit("sleep 1"), other.submit("sleep 1")
			codes := []int{ann.end(), bob.end()}
			slices.Sort(codes)
			began := d.jobs() + other.jobs()
			if began > 1 || began == 1 && !slices.Equal(codes, []int{0, 64}) || began == 0 && !slices.Equal(codes, []int{64, 64}) {
				d.bad("%d jobs, exit codes %v", began, codes)
			}
			if began == 0 { // each was told of the other
				ann = d.submit()
			} else if ann.cmd.ProcessState.ExitCode() != 0 {
				ann = bob
			}
			d.checkJob(ann)
			late := other.submit()
			if text, _ := late.said(); late.end() != 64 {
				d.bad("whoever comes late: %q", text)
			}
		}},
	}
}
