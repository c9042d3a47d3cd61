package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// A Registry is a running docker-registry: Debian's package, which is distribution's. Stop ends it.
type Registry struct {
	Addr string // 127.0.0.1:PORT

	cmd *exec.Cmd
}

// RegistryProgram is the path of docker-registry, which scripts/registry.sh installs.
func RegistryProgram() (string, error) { return exec.LookPath("docker-registry") }

var registryListens = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// StartRegistry starts a registry that keeps everything below dir, which must exist, and returns once it listens. With a
// password, it answers only to the user.
func StartRegistry(dir, user, password string) (*Registry, error) {
	program, err := RegistryProgram()
	if err != nil {
		return nil, err
	}
	config, err := registryConfig(dir, user, password)
	if err != nil {
		return nil, err
	}
	r := &Registry{cmd: exec.Command(program, "serve", config)}
	r.cmd.Env = Environ("OTEL_TRACES_EXPORTER=none")
	out, err := r.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(out); lines.Scan(); { // to its end: a full pipe would stop the registry
			if m := registryListens.FindStringSubmatch(lines.Text()); m != nil && len(found) == 0 {
				found <- m[1]
			}
		}
	}()
	err = errors.New("docker-registry ended before it listened")
	select {
	case addr, ok := <-found:
		if ok {
			r.Addr = addr
			return r, nil
		}
	case <-time.After(startWithin):
		err = fmt.Errorf("docker-registry does not listen within %s", startWithin)
	}
	r.Stop()
	return nil, err
}

// registryConfig writes the registry's configuration file.
func registryConfig(dir, user, password string) (string, error) {
	text := "version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: " + filepath.Join(dir, "data") + "}, delete: {enabled: true}}\n" +
		"http: {addr: '127.0.0.1:0'}\n"
	if password != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return "", err
		}
		passwords := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(passwords, fmt.Appendf(nil, "%s:%s\n", user, hash), 0o600); err != nil {
			return "", err
		}
		text += "auth: {htpasswd: {realm: test, path: " + passwords + "}}\n"
	}
	file := filepath.Join(dir, "config.yml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// Stop ends the registry, and returns when it has ended.
func (r *Registry) Stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}
