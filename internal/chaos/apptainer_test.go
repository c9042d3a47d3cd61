package chaos

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/wrapper/node"
)

// archive is the module's image for all rows with Apptainer, and beside it is their cache.
var archive = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "ferry-chaos-apptainer-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "module.tar")
	return file, lab.ModuleArchive(lab.Bash, file)
})

// removeArchive removes it, once all rows have ended.
func removeArchive() {
	if file, err := archive(); err == nil {
		_ = os.RemoveAll(filepath.Dir(file))
	}
}

// apptainer has the scene's job run by Apptainer, by a ferry on the host. It gives the job's flags.
func (s *scene) apptainer(flags ...string) []string {
	s.t.Helper()
	file, err := archive()
	if err != nil {
		s.t.Fatal(err)
	}
	s.onHost = true
	s.env = append(s.env, "PATH="+testenv.Apptainer(s.t)+":"+os.Getenv("PATH"), "FERRY_APPTAINER_CACHE="+filepath.Join(filepath.Dir(file), "cache"),
		"FERRY_APPTAINER_DIR="+s.yard())
	return append([]string{"--engine", "apptainer", "--image", "docker-archive:" + file}, flags...)
}

// yard is where Apptainer's containers of this scene have their files.
func (s *scene) yard() string { return filepath.Join(filepath.Dir(s.prefix), "apptainer") }

// modules are the containers of this scene.
func (s *scene) modules() []engine.Found {
	s.t.Helper()
	found, err := apptainer.New(apptainer.Config{Dir: s.yard()}).List(context.Background(), map[string]string{node.LabelID: ""})
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// checkAlone is check, and that Apptainer has nothing left.
func (s *scene) checkAlone(f *ferry) {
	s.t.Helper()
	rec := s.check(f)
	if rec.Engine.Name != "apptainer" {
		s.bad("the record names the engine %q", rec.Engine.Name)
	}
	if left := s.modules(); len(left) > 0 {
		s.bad("left: %+v", left)
	}
}

func apptainerRows() []row {
	const group = "Apptainer: the module is a process of ferry's user"
	begun := "cp " + input + "/* .; echo done > result.txt; echo begun"
	return []row{
		{group: group, name: "nothing fails", run: func(s *scene) {
			s.checkAlone(s.start(s.apptainer()...))
		}},
		{group: group, name: "ferry is told to stop (SIGTERM) while the module runs", code: 75, cause: "interrupted", run: func(s *scene) {
			s.exec(begun, "sleep 300 & wait")
			f := s.start(s.apptainer()...)
			f.until("begun")
			f.signal(syscall.SIGTERM)
			s.checkAlone(f)
		}},
		{group: group, name: "ferry is killed (SIGKILL) while the module runs", code: 137, quick: true, run: func(s *scene) {
			s.exec(begun, "trap '' TERM; sleep 300 & sleep 300")
			f := s.start(s.apptainer()...)
			f.until("begun")
			f.signal(syscall.SIGKILL)
			s.outlived(f)
		}},
		{group: group, name: "the module is killed (SIGKILL)", code: 137, run: func(s *scene) {
			s.exec(begun, "kill -9 $$")
			s.checkAlone(s.start(s.apptainer()...))
		}},
		{group: group, name: "the module is killed for memory", code: 137, cause: "oom", root: true, run: func(s *scene) {
			s.exec(begun, "ulimit -v 4000000", "x=a; while :; do x=$x$x; done")
			s.checkAlone(s.start(s.apptainer("--memory", "128m")...))
		}},
		{group: group, name: "the walltime is over", code: 142, cause: "walltime", run: func(s *scene) {
			s.exec(begun, "sleep 300 & wait")
			s.checkAlone(s.start(s.apptainer("--walltime", "2")...))
		}},
		{group: group, name: "there is no such image", code: 71, cause: "image", run: func(s *scene) {
			s.expect()
			flags := s.apptainer()
			s.check(s.start(append(flags, "--image", "/none/such.sif")...))
		}},
		{group: group, name: "apptainer is not installed", code: 69, cause: "engine", run: func(s *scene) {
			s.expect()
			flags := s.apptainer()
			s.env = append(s.env, "PATH=/nowhere")
			s.check(s.start(flags...))
		}},
	}
}

// outlived checks what a killed ferry left: the module, until the next ferry on the node ends it.
func (s *scene) outlived(f *ferry) {
	s.t.Helper()
	if s.got.code = f.end(); s.got.code < 0 { // a process of the host that a signal ended has none
		s.got.code = 128 + int(syscall.SIGKILL)
	}
	if s.got.code != s.row.code {
		s.bad("exit code %d", s.got.code)
	}
	if text, ok := s.stored(meta + "/exit_code.txt"); ok {
		s.bad("an exit code is in the store: %q", text)
	}
	if left := s.modules(); len(left) != 1 || !left[0].Running {
		s.bad("the killed ferry's module: %+v", left)
	}
	s.got.engine, s.got.disk, s.got.store = "the module's container, until the next ferry", "the attempt's files, until the next ferry", "what was there"
	next := &scene{t: s.t, row: row{}, got: &seen{}, s3: testenv.S3(s.t), host: s.host, prefix: s.prefix, id: s.id + "next", results: map[string]string{}}
	next.proxy = testenv.Proxy(s.t, next.s3.Endpoint)
	next.env = next.proxy.Via(next.s3).Env()
	next.put(meta+"/exec.sh", "sleep 1\n")
	next.put(private+"/x", "x")
	next.put(input+"/x", "x")
	if code := next.start(next.apptainer()...).end(); code != 0 {
		s.bad("the next ferry ended with %d", code)
	}
	for end := time.Now().Add(rowLimit); len(s.modules()) > 0 && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond) // it waits for no sweeping that is under way
	}
	if left := s.modules(); len(left) > 0 {
		s.bad("the next ferry left %+v", left)
	}
	if _, files := s.left(); len(files) > 0 {
		s.bad("the next ferry left %v", files)
	}
}
