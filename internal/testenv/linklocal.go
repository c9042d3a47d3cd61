package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
)

// LinkLocal gives this node an address of the block in which clouds keep credentials, and serves the line "credentials" there until the
// test ends. It needs root.
func LinkLocal(t testing.TB) (address string) {
	t.Helper()
	Require(t, os.Geteuid() == 0, "root (an address for this node)")
	ip := fmt.Sprintf("169.254.77.%d", 1+os.Getpid()%250)
	if out, err := exec.Command("ip", "addr", "add", ip+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "addr", "del", ip+"/32", "dev", "lo").Run() })
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("credentials\n"))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
