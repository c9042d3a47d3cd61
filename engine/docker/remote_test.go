package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/docker/remotetest"
	"github.com/genepattern/ferry/engine/enginetest"
	"github.com/genepattern/ferry/internal/testenv"
)

func overSSH(s *remotetest.SSHD) Config {
	dir := filepath.Join(s.Home, ".ssh")
	return Config{Host: s.Host, SSH: SSH{Keys: []string{filepath.Join(dir, "none"), filepath.Join(dir, "id_ed25519")},
		KnownHosts: []string{filepath.Join(dir, "none"), filepath.Join(dir, "known_hosts")}}}
}

func newRemote(t *testing.T, c Config) *Engine {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if e.Local() {
		t.Error("a remote engine takes itself for local")
	}
	return e
}

func conformance(t *testing.T, e *Engine) {
	enginetest.Run(t, enginetest.Harness{Engine: e, Image: testenv.ModuleImage(t), Isolated: true,
		Label: fmt.Sprintf("remote-%d-%d", os.Getpid(), time.Now().UnixNano())})
}

func TestConformanceOverSSH(t *testing.T) {
	conformance(t, newRemote(t, overSSH(remotetest.StartSSH(t))))
}

func TestConformanceOverTLS(t *testing.T) {
	front := remotetest.StartTLS(t)
	conformance(t, newRemote(t, Config{Host: front.Host, CertPath: front.Certs}))
}

// TestSSHConnectsAgain loses the connection between two calls.
func TestSSHConnectsAgain(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSH(t)
	e := newRemote(t, overSSH(s))
	for range 3 {
		if _, err := e.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Cut()
		e.cli.HTTPClient().CloseIdleConnections()
	}
}

func TestSSHRefuses(t *testing.T) {
	t.Parallel()
	s := remotetest.StartSSH(t)
	stranger := overSSH(s)
	stranger.SSH.KnownHosts = nil
	noKey := overSSH(s)
	noKey.SSH.Keys = nil
	noSocket := overSSH(s)
	noSocket.Host = strings.TrimSuffix(noSocket.Host, strings.TrimPrefix(testenv.Docker(t), "unix://")) + "/none/such.sock"
	closed := overSSH(s)
	closed.Host = "ssh://127.0.0.1:1"
	for name, c := range map[string]Config{"unknown host": stranger, "no key": noKey, "no socket there": noSocket, "nobody there": closed} {
		if _, err := newRemote(t, c).Info(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, host := range []string{"ssh://", "ssh://user:password@machine", "ssh://%zz"} {
		if _, err := New(Config{Host: host}); err == nil {
			t.Errorf("%q was taken", host)
		}
	}
}
