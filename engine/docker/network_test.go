package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/testenv"
)

// on runs a script on a network until it has printed a word, and returns the container.
func on(t *testing.T, e *Engine, net, script string) (*Container, *said) {
	t.Helper()
	img, err := e.Image(t.Context(), testenv.ModuleImage(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.Create(t.Context(), engine.Spec{Image: img, Command: []string{"/bin/sh", "-c", script}, Network: net, Labels: map[string]string{"ferry.test": "network"}})
	if err != nil {
		t.Fatal(err)
	}
	c := made.(*Container)
	t.Cleanup(func() { _ = c.Remove(context.WithoutCancel(t.Context())) })
	out := &said{}
	if err := c.Start(t.Context(), out, out); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// said is what a container has printed.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// finish waits for the container's end and returns what it printed.
func finish(t *testing.T, c *Container, out *said) string {
	t.Helper()
	if _, err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestOwnNetwork has a job serve its port on each of its addresses, and another job ask for it: on the bridge it gets an answer, on ferry's
// network it does not. The way out is open from both.
func TestOwnNetwork(t *testing.T) {
	e := testEngine(t)
	outside, err := net.Listen("tcp", "0.0.0.0:0") // the node, as a module sees the world
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = outside.Close() }()
	go func() {
		for {
			c, err := outside.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("outside\n"))
			_ = c.Close()
		}
	}()
	port := outside.Addr().(*net.TCPAddr).Port
	for name, want := range map[string]bool{"bridge": true, engine.OwnNetwork: false} {
		t.Run(name, func(t *testing.T) {
			_, serving := on(t, e, name, `ip -4 -o addr show | while read -r _ dev _ addr _; do [ "$dev" = lo ] || echo "at ${addr%/*}"; done
				echo ready; while :; do echo secret | nc -l -p 7777 >/dev/null; done`)
			for late := time.Now().Add(time.Minute); !strings.Contains(serving.String(), "ready"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(late) {
					t.Fatal(serving.String())
				}
			}
			var addresses []string
			for line := range strings.Lines(serving.String()) {
				if a, ok := strings.CutPrefix(strings.TrimSpace(line), "at "); ok {
					addresses = append(addresses, a)
				}
			}
			if len(addresses) == 0 {
				t.Fatal(serving.String())
			}
			c, out := on(t, e, name, fmt.Sprintf(`for a in %s; do timeout 3 nc $a 7777 </dev/null; done
				gateway=$(ip route | while read -r what _ via _; do [ "$what" = default ] && echo "$via"; done)
				timeout 10 nc "$gateway" %d </dev/null; echo end`, strings.Join(addresses, " "), port))
			text := finish(t, c, out)
			if strings.Contains(text, "secret") != want || !strings.Contains(text, "outside") || !strings.Contains(text, "end") {
				t.Errorf("of %v: %q", addresses, text)
			}
		})
	}
}

// TestLinkLocal has a module ask for the node's credentials at a link-local address. On the bridge it gets them, on ferry's network not. The
// node itself still does, and so it has no way through ferry's network.
func TestLinkLocal(t *testing.T) {
	e := testEngine(t)
	address := testenv.LinkLocal(t)
	ip, port, _ := net.SplitHostPort(address)
	for name, want := range map[string]bool{"bridge": true, engine.OwnNetwork: false} {
		c, out := on(t, e, name, fmt.Sprintf("timeout 3 nc %s %s </dev/null; echo end", ip, port))
		if text := finish(t, c, out); strings.Contains(text, "credentials") != want || !strings.Contains(text, "end") {
			t.Errorf("on %s: %q", name, text)
		}
	}
	routes, err := exec.Command("ip", "route", "get", "169.254.169.254").CombinedOutput()
	own, _ := e.networks.own(t.Context())
	if err == nil && (own == "" || strings.Contains(string(routes), "br-"+own[:12])) {
		t.Errorf("the node reaches its own credentials through %q: %s", own, routes)
	}
}

// TestLinkLocalRoutes looks that a container on ferry's network has one way to all link-local addresses, by the interface that it has the
// way out by: a module may choose the interface of its requests, and by one that has no way of its own to an address they would take the
// way out.
func TestLinkLocalRoutes(t *testing.T) {
	e := testEngine(t)
	c, out := on(t, e, engine.OwnNetwork, "ip -4 route; echo end")
	text := finish(t, c, out)
	var dead, exit string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		for i := range len(f) - 1 {
			switch {
			case f[i] == "dev" && f[0] == linkLocal.String() && !strings.Contains(line, " via "):
				dead += f[i+1]
			case f[i] == "dev" && f[0] == "default":
				exit += f[i+1]
			}
		}
	}
	if dead == "" || dead != exit {
		t.Errorf("%q and %q in %q", dead, exit, text)
	}
}

// TestOwnNetworkOnce has many processes make the networks at the same time: each takes the same, and none is left over.
func TestOwnNetworkOnce(t *testing.T) {
	e := testEngine(t)
	name := fmt.Sprintf("ferry-test-%d", os.Getpid())
	options := network.CreateOptions{Driver: "bridge", Options: map[string]string{optionTalk: "false"}}
	t.Cleanup(func() {
		after := context.WithoutCancel(t.Context())
		list, _ := e.cli.NetworkList(after, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
		for _, n := range list {
			_ = e.cli.NetworkRemove(after, n.ID)
		}
	})
	const many = 8
	ids := make([]string, many)
	var wg sync.WaitGroup
	for i := range ids {
		other := testEngine(t)
		wg.Go(func() {
			var err error
			if ids[i], err = other.networks.find(t.Context(), name, options); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("%q", ids)
		}
	}
	list, err := e.cli.NetworkList(t.Context(), network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil || len(list) != 1 {
		t.Errorf("%d networks, %v", len(list), err)
	}
}

// TestForeignNetwork has a network of the name on which containers reach each other.
func TestForeignNetwork(t *testing.T) {
	e := testEngine(t)
	name := fmt.Sprintf("ferry-test-foreign-%d", os.Getpid())
	made, err := e.cli.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.cli.NetworkRemove(context.WithoutCancel(t.Context()), made.ID) }()
	id, err := e.networks.find(t.Context(), name, network.CreateOptions{Options: map[string]string{optionTalk: "false"}})
	if id != "" || cause.Of(err) != cause.Refused || cause.HintOf(err) == "" {
		t.Errorf("%q, %v", id, err)
	}
}

// TestNetworkWithIPv6 has a network of the name on which containers reach each other by IPv6, although their traffic is off, and looks that
// those that ferry makes have no IPv6.
func TestNetworkWithIPv6(t *testing.T) {
	e := testEngine(t)
	name := fmt.Sprintf("ferry-test-ipv6-%d", os.Getpid())
	yes, options := true, map[string]string{optionTalk: "false"}
	made, err := e.cli.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge", Options: options, EnableIPv6: &yes,
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: fmt.Sprintf("fd77:%x::/64", os.Getpid()%0xffff)}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.cli.NetworkRemove(context.WithoutCancel(t.Context()), made.ID) }()
	id, err := e.networks.find(t.Context(), name, network.CreateOptions{Options: options})
	if id != "" || cause.Of(err) != cause.Refused || cause.HintOf(err) == "" {
		t.Errorf("%q, %v", id, err)
	}
	c, out := on(t, e, engine.OwnNetwork, "ip -6 -o addr show | grep -v ' lo '; ip -6 route show; echo end")
	if text := finish(t, c, out); strings.TrimSpace(text) != "end" {
		t.Errorf("on ferry's network: %q", text)
	}
}

func TestAsksLinkLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "nameserver 10.0.0.2\n": false, "# nameserver 169.254.169.254\nnameserver 127.0.0.53\n": false,
		"nameserver 10.0.0.2\nnameserver 169.254.169.254\n": true, "nameserver ::ffff:169.254.169.253\n": true,
	} {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := asksLinkLocal(file); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if asksLinkLocal(filepath.Join(t.TempDir(), "none")) {
		t.Error("a file that is not there")
	}
}
