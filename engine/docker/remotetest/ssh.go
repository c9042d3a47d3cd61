package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/genepattern/ferry/internal/testenv"
)

// An SSHD is an SSH server on this machine.
type SSHD struct {
	Host string // for DOCKER_HOST: ssh://user@127.0.0.1:PORT/socket
	Home string // a home folder with .ssh/id_ed25519 and .ssh/known_hosts that fit

	mu    sync.Mutex
	conns []net.Conn
}

// Cut breaks all connections there are. New ones can be made.
func (s *SSHD) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// StartSSH starts Debian's sshd for the user who runs the tests, one process a connection.
func StartSSH(t testing.TB) *SSHD {
	t.Helper()
	const program = "/usr/sbin/sshd"
	_, err := os.Stat(program)
	testenv.Require(t, err == nil && os.Geteuid() == 0, "openssh-server (scripts/registry.sh install), and root's rights to run it")
	socket, ok := strings.CutPrefix(testenv.Docker(t), "unix://")
	testenv.Require(t, ok, "an engine at a socket")
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s := &SSHD{Home: filepath.Join(dir, "home")}
	check(os.MkdirAll(filepath.Join(s.Home, ".ssh"), 0o700))
	check(os.MkdirAll("/run/sshd", 0o755)) // where sshd confines itself
	hostKey := makeKey(t, filepath.Join(dir, "host"))
	userKey := makeKey(t, filepath.Join(s.Home, ".ssh", "id_ed25519"))
	check(os.WriteFile(filepath.Join(dir, "authorized"), ssh.MarshalAuthorizedKey(userKey), 0o600))
	conf := fmt.Sprintf("HostKey %s/host\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"+
		"PermitRootLogin yes\nAllowStreamLocalForwarding yes\nPidFile none\nMaxSessions 100\n", dir, dir)
	check(os.WriteFile(filepath.Join(dir, "config"), []byte(conf), 0o600))

	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	t.Cleanup(func() { _ = l.Close(); s.Cut() })
	known := knownhosts.Line([]string{l.Addr().String()}, hostKey)
	check(os.WriteFile(filepath.Join(s.Home, ".ssh", "known_hosts"), []byte(known+"\n"), 0o600))
	me, err := user.Current()
	check(err)
	s.Host = fmt.Sprintf("ssh://%s@%s%s", me.Username, l.Addr(), socket)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go serve(program, filepath.Join(dir, "config"), c)
		}
	}()
	return s
}

// serve runs an sshd for one connection, which it has as its standard input and output.
func serve(program, config string, c net.Conn) {
	defer c.Close()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	cmd := exec.Command(program, "-i", "-e", "-f", config)
	cmd.Stdin, cmd.Stdout = f, f
	_ = cmd.Run()
}

func makeKey(t testing.TB, file string) ssh.PublicKey {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "ferry test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
