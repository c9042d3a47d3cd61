package main

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
)

// listening is the address of this process's one listening TCP socket. The server is asked to listen on port 0 and does
// not tell which port it got, but the socket itself knows; choosing a free port beforehand could lose it to another
// process.
func listening() (string, error) {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || on == 0 {
			continue
		}
		sa, err := syscall.Getsockname(fd)
		if err != nil {
			continue
		}
		if in, ok := sa.(*syscall.SockaddrInet4); ok {
			return net.JoinHostPort(net.IP(in.Addr[:]).String(), strconv.Itoa(in.Port)), nil
		}
	}
	return "", errors.New("no listening socket found")
}
