package apptainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// A program is the apptainer command, and what it says of itself.
type program struct {
	file    string
	version string
	libexec string // of its own programs
	suid    bool   // it has a part with root's rights, so that it needs no user namespaces
	path    string
	home    string
}

const (
	hintMissing = "install Apptainer (https://apptainer.org/docs/admin/main/installation.html), or `module load apptainer` where the site has it so; `ferry doctor --engine apptainer` looks again"
	hintUserNS  = "an administrator has to allow user namespaces: sysctl -w user.max_user_namespaces=15000, on older Debian also kernel.unprivileged_userns_clone=1, on Ubuntu an AppArmor profile for apptainer; or install apptainer-suid"
)

// find looks for the command in PATH, and asks it about itself.
func find(ctx context.Context, c Config) (*program, error) {
	p := &program{path: c.Path, home: c.Home}
	for _, dir := range filepath.SplitList(c.Path) {
		file := filepath.Join(dir, kindName)
		if st, err := os.Stat(file); err == nil && filepath.IsAbs(file) && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			p.file = file
			break
		}
	}
	if p.file == "" {
		return nil, engine.Unreachable(hintMissing, errors.New("there is no apptainer in PATH"))
	}
	out, err := p.run(ctx, nil, "buildcfg")
	if err != nil {
		return nil, engine.Unreachable("does `apptainer version` work here?", err)
	}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "PACKAGE_VERSION":
			p.version = value
		case "LIBEXECDIR":
			p.libexec = value
		}
	}
	st, err := os.Stat(filepath.Join(p.libexec, kindName, "bin", "starter-suid"))
	p.suid = err == nil && st.Mode()&os.ModeSetuid != 0
	if p.version == "" {
		return nil, engine.Unreachable("version 1.1 or later is needed", fmt.Errorf("%s does not say its version", p.file))
	}
	return p, nil
}

// tellMax bounds what is read of what the command says.
const tellMax = 1 << 20

// run runs the command to its end and gives its output. The error has the command's own words.
func (p *program) run(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.file, args...)
	cmd.Env = append(p.environ(), env...)
	cmd.Dir = "/"
	// It ends with ferry, where it has not changed its rights by then: the kernel forgets the signal when it does.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var out, said tail
	out.most, said.most = tellMax, 4096
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if words := said.words(); words != "" {
			return "", fmt.Errorf("apptainer: %s", words)
		}
		return "", fmt.Errorf("apptainer %s: %w", strings.Join(args, " "), err)
	}
	return out.b.String(), nil
}

// environ is what the command itself may know. The module gets nothing of it: see exec.
func (p *program) environ() []string {
	env := []string{"PATH=" + p.path, "LC_ALL=C", "NO_COLOR=1"}
	if p.home != "" {
		env = append(env, "HOME="+p.home)
	}
	return env
}

// userNamespaces says why an ordinary user can have none here, "" where nothing is known against it.
func userNamespaces() string {
	for _, name := range []string{"user/max_user_namespaces", "kernel/unprivileged_userns_clone"} {
		if data, err := bounded.File("/proc/sys/"+name, bounded.Small); err == nil && strings.TrimSpace(string(data)) == "0" {
			return fmt.Sprintf("this node gives ordinary users no user namespaces (%s is 0), and apptainer has no part with root's rights", strings.ReplaceAll(name, "/", "."))
		}
	}
	return ""
}

// cloneUser tries to make a user namespace.
func cloneUser(ctx context.Context, p *program) error {
	cmd := exec.CommandContext(ctx, p.file, "version")
	cmd.Env = p.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	return cmd.Run()
}

// A tail keeps the last bytes that are written to it.
type tail struct {
	b    bytes.Buffer
	most int
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > t.most {
		p = p[len(p)-t.most:]
	}
	if over := t.b.Len() + len(p) - t.most; over > 0 {
		t.b.Next(over)
	}
	t.b.Write(p)
	return n, nil
}

// fatalMark begins the line by which apptainer says that it gives up.
const fatalMark = "FATAL:"

// colour is what makes a terminal write in colour: apptainer does so before it has read its own options.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// words is the last line of its log that says what went wrong, without the level.
func (t *tail) words() string {
	last := ""
	for line := range strings.Lines(t.b.String()) {
		line = strings.TrimSpace(colour.ReplaceAllString(line, ""))
		if rest, ok := strings.CutPrefix(line, fatalMark); ok {
			last = strings.TrimSpace(rest)
		} else if last == "" || !strings.HasPrefix(line, "INFO:") {
			if rest, ok := strings.CutPrefix(line, "ERROR:"); ok {
				last = strings.TrimSpace(rest)
			}
		}
	}
	return last
}

// fatal reports whether the last that it said is that it gives up.
func (t *tail) fatal() bool {
	lines := strings.Split(strings.TrimSpace(t.b.String()), "\n")
	return strings.HasPrefix(strings.TrimSpace(colour.ReplaceAllString(lines[len(lines)-1], "")), fatalMark)
}
