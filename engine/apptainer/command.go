package apptainer

import (
	"cmp"
	"encoding/csv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/engine"
)

// moduleHome is the home of a module whose description names none. It is in the container's own directory.
const moduleHome = "/home/module"

// command is apptainer with all its options, not yet started.
func (c *container) command(p *program, stdout, stderr io.Writer) (*exec.Cmd, error) {
	c.mu.Lock()
	r := c.record
	c.mu.Unlock()
	dir := c.engine.depot.path(r.ID)
	image := r.At
	mounts, home := allMounts(c.spec, dir)
	args := arguments(c.spec, home, mounts, dir)
	switch {
	case r.Own:
		image = filepath.Join(dir, rootfsName)
		if err := makeMountPoints(image, mounts); err != nil {
			return nil, err
		}
		args = append(args, "--writable")
	case overlays(filepath.Join(dir, overlayName)):
		args = append(args, "--overlay", filepath.Join(dir, overlayName))
	}
	args = append(append(args, image), c.spec.Command...)
	writing := &sync.Mutex{} // the writers may be one and the same
	cmd := &exec.Cmd{
		Path: p.file, Args: append([]string{p.file}, args...), Env: append(p.environ(), variables(c.spec.Env)...), Dir: "/",
		Stdout: turns{stdout, writing}, Stderr: turns{stderr, writing}, WaitDelay: drainTime,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	return cmd, nil
}

// allMounts are the container's mounts, outer ones first: what was asked for, the names of hosts, and a home where the module has none.
func allMounts(spec engine.Spec, dir string) (all []engine.Mount, home string) {
	for _, v := range slices.Concat(spec.Image.Env, spec.Env) {
		if h, ok := strings.CutPrefix(v, "HOME="); ok && h != "" {
			home = h
		}
	}
	if spec.Network != "none" && exists("/etc/hosts") {
		all = append(all, engine.Mount{Source: "/etc/hosts", Target: "/etc/hosts", ReadOnly: true})
	}
	if home == "" {
		home = moduleHome
		all = append(all, engine.Mount{Source: filepath.Join(dir, homeName), Target: home})
	}
	return append(all, spec.Mounts...), home
}

// arguments are those of apptainer for a container whose directory is dir, but for the image and the command.
func arguments(spec engine.Spec, home string, mounts []engine.Mount, dir string) []string {
	args := []string{"--silent", "--nocolor", "exec", "--containall", "--cleanenv", "--no-eval", "--no-home", "--home", home,
		"--no-mount", "home,cwd,hostfs,bind-paths", "--workdir", filepath.Join(dir, tempName), "--pwd", cmp.Or(spec.Workdir, "/")}
	if os.Geteuid() == 0 {
		args = append(args, "--no-privs") // as root it would have all capabilities
	}
	if spec.Network == "none" {
		args = append(args, "--net", "--network", "none")
	}
	if spec.Limits.GPUs != "" && spec.Limits.GPUs != "none" {
		args = append(args, gpuFlag())
	}
	for _, m := range mounts {
		args = append(args, "--mount", bind(m))
	}
	return args
}

// gpuFlag has apptainer bring the drivers of this node's kind of GPU, and all GPUs.
func gpuFlag() string {
	if !exists("/dev/nvidiactl") && exists("/dev/kfd") {
		return "--rocm"
	}
	return "--nv"
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// bind is a mount as apptainer reads it: values with commas, quoted as in a table.
func bind(m engine.Mount) string {
	fields := []string{"type=bind", "source=" + m.Source, "destination=" + m.Target}
	if m.ReadOnly {
		fields = append(fields, "ro")
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // into memory
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// variables are the module's, as apptainer takes them from its own environment: options cannot have every value.
func variables(env []string) []string {
	var all []string
	for _, v := range env {
		if !strings.HasPrefix(v, "HOME=") { // which is an option
			all = append(all, "APPTAINERENV_"+v)
		}
	}
	return all
}

// File systems that an overlay cannot write to.
const (
	overlayMagic = 0x794c7630
	lustreMagic  = 0x0bd00bd0
)

// overlays reports whether a container can write to its root, into dir: an ordinary user can lay one file system over another since
// Linux 5.11, and only on a disk of this node.
func overlays(dir string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || slices.Contains([]int64{overlayMagic, lustreMagic, unix.NFS_SUPER_MAGIC}, int64(fs.Type)) {
		return false
	}
	return os.Geteuid() == 0 || kernelSince(5, 11)
}

func kernelSince(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	have := [2]int{}
	for i, f := range strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3) {
		if i > 1 {
			break
		}
		for _, d := range f {
			if d < '0' || d > '9' {
				break
			}
			have[i] = have[i]*10 + int(d-'0')
		}
	}
	return have[0] > major || have[0] == major && have[1] >= minor
}

// turns writes to w while nothing is written to the other.
type turns struct {
	w  io.Writer
	mu *sync.Mutex
}

func (t turns) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(b)
}
