package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/genepattern/ferry/internal/bounded"
)

// SSH says how to log in where the engine's address is ssh://[USER@]HOST[:PORT][/SOCKET]. The connection is made here
// and not by an ssh program, which ferry's image does not have; so ~/.ssh/config is not read.
type SSH struct {
	User       string   // where the address names none
	Agent      string   // the socket of an agent; "" for none
	Keys       []string // files of private keys without a passphrase; those that are missing are passed over
	KnownHosts []string // files of known hosts; a host in none is refused
}

const (
	sshPort = "22"
	// sshSocket is the engine's socket on the far end where the address names none.
	sshSocket = "/var/run/docker.sock"
	// sshTime bounds connecting and logging in.
	sshTime = 30 * time.Second
)

// A tunnel gives connections to the engine's socket on another machine, all through one SSH connection, which is made
// when it is first needed and again when it broke. Safe for concurrent use.
type tunnel struct {
	addr, socket string
	user         string
	conf         SSH

	mu     sync.Mutex
	client *ssh.Client
}

// newTunnel makes one for an address; it does not connect.
func newTunnel(host string, conf SSH) (*tunnel, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, errors.New("it names no machine, such as ssh://user@machine")
	}
	t := &tunnel{user: conf.User, socket: sshSocket, conf: conf}
	port := u.Port()
	if port == "" {
		port = sshPort
	}
	t.addr = net.JoinHostPort(u.Hostname(), port)
	if u.User != nil {
		t.user = u.User.Username()
		if _, has := u.User.Password(); has {
			return nil, errors.New("it holds a password; use a key")
		}
	}
	if u.Path != "" && u.Path != "/" {
		t.socket = u.Path
	}
	return t, nil
}

// dial opens a connection to the engine. Its errors are of the network, as those of any other address.
func (t *tunnel) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	for again := false; ; again = true {
		c, fresh, err := t.connect(ctx)
		if err == nil {
			var conn net.Conn
			if conn, err = c.DialContext(ctx, "unix", t.socket); err == nil {
				return conn, nil
			}
			err = fmt.Errorf("opening %q there: %w", t.socket, err)
			var refused *ssh.OpenChannelError
			if !errors.As(err, &refused) {
				t.drop(c)
				if !fresh && !again && ctx.Err() == nil {
					continue // the connection that was there had broken
				}
			}
		}
		return nil, &net.OpError{Op: "dial", Net: "ssh", Err: err}
	}
}

// connect gives the connection, and says whether it was made just now.
func (t *tunnel) connect(ctx context.Context) (c *ssh.Client, fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		return t.client, false, nil
	}
	hosts, err := knownhosts.New(existing(t.conf.KnownHosts)...)
	if err != nil {
		return nil, false, fmt.Errorf("known hosts: %w", err)
	}
	auth, done := t.conf.methods(ctx)
	defer done()
	d := net.Dialer{Timeout: sshTime}
	raw, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, false, err
	}
	_ = raw.SetDeadline(time.Now().Add(sshTime))
	conn, chans, reqs, err := ssh.NewClientConn(raw, t.addr, &ssh.ClientConfig{User: t.user, Auth: auth, HostKeyCallback: hosts,
		HostKeyAlgorithms: algorithms(hosts, t.addr)})
	if err != nil {
		_ = raw.Close()
		return nil, false, fmt.Errorf("logging in as %q: %w", t.user, err)
	}
	_ = raw.SetDeadline(time.Time{})
	t.client = ssh.NewClient(conn, chans, reqs)
	return t.client, true, nil
}

// drop forgets a connection that broke.
func (t *tunnel) drop(c *ssh.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client == c {
		t.client = nil
	}
	_ = c.Close()
}

func (t *tunnel) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		_ = t.client.Close()
		t.client = nil
	}
}

// methods are the ways to log in: the agent's keys, then those in files. done gives up the agent.
func (s SSH) methods(ctx context.Context) (all []ssh.AuthMethod, done func()) {
	done = func() {}
	var signers []ssh.Signer
	for _, file := range s.Keys {
		text, err := bounded.File(file, bounded.Small)
		if err != nil {
			continue
		}
		if k, err := ssh.ParsePrivateKey(text); err == nil { // one with a passphrase is the agent's affair
			signers = append(signers, k)
		}
	}
	if s.Agent != "" {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", s.Agent); err == nil {
			done = func() { _ = conn.Close() }
			if more, err := agent.NewClient(conn).Signers(); err == nil {
				signers = append(more, signers...)
			}
		}
	}
	return append(all, ssh.PublicKeys(signers...)), done
}

// algorithms are those of the keys that are known of the host: asked for any, it might show one that nobody knows.
func algorithms(known ssh.HostKeyCallback, addr string) []string {
	var unknown *knownhosts.KeyError
	err := known(addr, &net.TCPAddr{IP: net.IPv4zero}, probeKey{})
	if !errors.As(err, &unknown) {
		return nil
	}
	var all []string
	for _, k := range unknown.Want {
		if t := k.Key.Type(); t == ssh.KeyAlgoRSA {
			all = append(all, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			all = append(all, t)
		}
	}
	return all
}

// probeKey is a key that is nobody's.
type probeKey struct{}

func (probeKey) Type() string                        { return "none" }
func (probeKey) Marshal() []byte                     { return nil }
func (probeKey) Verify([]byte, *ssh.Signature) error { return errors.New("nobody's key") }

func existing(files []string) []string {
	var all []string
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			all = append(all, f)
		}
	}
	return all
}
