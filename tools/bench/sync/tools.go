package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/genepattern/ferry/internal/lab"
)

// A target is a server as a tool is to reach it.
type target struct {
	endpoint string
	ca       string // PEM file, for TLS
	far      bool   // every answer takes its time
	scheme   string // of its URLs; "" is s3
}

// google is the scheme of Google Cloud Storage.
const google = "gs"

// url is what is at a path of the bucket.
func (t target) url(path string) string {
	if t.scheme == "" {
		return "s3://" + bucket + "/" + path
	}
	return t.scheme + "://" + bucket + "/" + path
}

const (
	accessKey = "ferrytest"
	secretKey = "ferrytestsecret"
	bucket    = "bench"
)

// A peer is ferry, an older ferry, or another tool that does the same.
type peer struct {
	name string
	path string
	// sync is the arguments that make dst like src; one of them begins with s3://.
	sync func(t target, src, dst string) []string
	// dry is the same without doing it.
	dry func(t target, src, dst string) []string
}

func findTools(s settings) ([]peer, error) {
	ferry, err := ferryAt("ferry", s.ferry)
	if err != nil {
		return nil, err
	}
	known := []peer{
		ferry,
		{name: "s5cmd", sync: s5cmd, dry: func(t target, src, dst string) []string {
			return append([]string{"--dry-run"}, s5cmd(t, src, dst)...)
		}},
		{name: "rclone", sync: rclone, dry: func(t target, src, dst string) []string {
			return append(rclone(t, src, dst), "--dry-run", "--use-server-modtime", "--s3-list-version", "2")
		}},
		{name: "aws",
			sync: func(_ target, src, dst string) []string {
				return []string{"s3", "sync", "--only-show-errors", src, dst}
			},
			dry: func(_ target, src, dst string) []string {
				return []string{"s3", "sync", "--dryrun", "--only-show-errors", src, dst}
			}},
	}
	var found []peer
	if s.before != "" {
		before, err := ferryAt(before, s.before)
		if err != nil {
			return nil, err
		}
		found = append(found, before)
	}
	for _, t := range known {
		if !slices.Contains(s.tools, t.name) || s.store == google && t.name != "ferry" && t.name != "rclone" {
			continue
		}
		if t.path == "" {
			if t.path, err = exec.LookPath(t.name); err != nil {
				home, _ := os.UserHomeDir()
				t.path = filepath.Join(home, "go", "bin", t.name)
				if _, err := os.Stat(t.path); err != nil {
					fmt.Fprintf(os.Stderr, "%s is not here, and not measured\n", t.name)
					continue
				}
			}
		}
		found = append(found, t)
	}
	return found, nil
}

// before is the name of the older ferry, which is measured in every row whatever -tools says.
const before = "before"

// ferryAt is a ferry of this name. It is copied to a place beside the other's: how a file came to be in the page cache says
// how much of it counts as its process's memory.
func ferryAt(name, path string) (peer, error) {
	dir := filepath.Join(lab.Root(), "bin", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return peer{}, err
	}
	copied := filepath.Join(dir, name)
	if err := lab.CopyFile(copied, path, 0o755); err != nil {
		return peer{}, fmt.Errorf("no ferry to measure: %w", err)
	}
	return peer{name: name, path: copied,
		sync: func(_ target, src, dst string) []string { return []string{"sync", "--only-show-errors", src, dst} },
		dry:  func(_ target, src, dst string) []string { return []string{"sync", "--dryrun", "--quiet", src, dst} }}, nil
}

func s5cmd(t target, src, dst string) []string {
	if src[:3] != "s3:" {
		src += "/"
	} else {
		src += "/*"
	}
	return []string{"--log", "error", "--endpoint-url", t.endpoint, "--no-verify-ssl", "sync", src, dst + "/"}
}

func rclone(t target, src, dst string) []string {
	remote := ":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='" + t.endpoint + "':"
	if t.scheme == google {
		remote = ":gcs,anonymous=true,endpoint='" + t.endpoint + "/storage/v1/':"
	}
	for _, p := range []*string{&src, &dst} {
		if _, at, ok := strings.Cut(*p, "://"); ok {
			*p = remote + at
		}
	}
	args := []string{"--config", "/dev/null", "-q", "sync", src, dst}
	if t.far { // with its 4 transfers, 5,000 files would take it minutes, and be no peer
		args = append(args, "--transfers", "64", "--checkers", "64")
	}
	if t.ca != "" {
		args = append(args, "--ca-cert", t.ca)
	}
	return args
}

// A cost is what a run took.
type cost struct {
	wall, cpu time.Duration
	mem       int64 // KiB
}

// measureWithin bounds a command.
const measureWithin = time.Hour

// measure runs a command, until it ends or ctx does.
func measure(ctx context.Context, path string, args []string, t target) (cost, error) {
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "AWS_ENDPOINT_URL=" + t.endpoint, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_EC2_METADATA_DISABLED=true",
		// The server does not understand every form of upload checksum that the AWS CLI sends by default.
		"AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
	}
	if t.scheme == google {
		cmd.Env = append(cmd.Env, "STORAGE_EMULATOR_HOST="+t.endpoint)
	}
	for _, keep := range []string{"CPUPROFILE", "PYENV_VERSION", "PYENV_ROOT"} {
		if v := os.Getenv(keep); v != "" {
			cmd.Env = append(cmd.Env, keep+"="+v)
		}
	}
	if t.ca != "" {
		cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+t.ca)
	}
	var out limited
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	err := cmd.Wait()
	c := cost{wall: time.Since(begun)}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
		c.mem = u.Maxrss
	}
	if err != nil {
		return c, fmt.Errorf("%s %q: %w\n%s", path, args, err, out.b)
	}
	return c, nil
}

// limited keeps the beginning of an output.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), 4096-min(len(l.b), 4096))]...)
	return len(p), nil
}
