// Package ftptest has an FTP server for tests. It serves one file and its directory, and says what a test wants it to say.
package ftptest

import (
	"bufio"
	"fmt"
	"net"
	"path"
	"strings"
	"testing"
)

// File is the path of the one file.
const File = "pub/all aml.gct"

// Start serves one file by FTP and gives the server's URL. Its answers to some commands can be replaced.
func Start(t *testing.T, content string, replace map[string]string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
			go serve(c, content, replace)
		}
	}()
	return "ftp://" + l.Addr().String()
}

func serve(c net.Conn, content string, replace map[string]string) {
	defer c.Close()
	fmt.Fprint(c, "220-Welcome\r\n220 ready\r\n")
	var data net.Listener
	defer func() {
		if data != nil {
			data.Close()
		}
	}()
	off := 0
	for in := bufio.NewScanner(c); in.Scan(); {
		command, arg, _ := strings.Cut(in.Text(), " ")
		if answer, ok := replace[command]; ok {
			fmt.Fprint(c, answer+"\r\n")
			continue
		}
		switch command {
		case "USER":
			fmt.Fprint(c, "331 password?\r\n")
		case "PASS", "TYPE":
			fmt.Fprint(c, "230 fine\r\n")
		case "SIZE":
			fmt.Fprintf(c, "213 %d\r\n", len(content))
		case "MDTM":
			fmt.Fprint(c, "213 20010203040506\r\n")
		case "REST":
			if _, err := fmt.Sscanf(arg, "%d", &off); err != nil || off > len(content) {
				fmt.Fprint(c, "501 no such place\r\n")
				continue
			}
			fmt.Fprint(c, "350 from there\r\n")
		case "EPSV", "PASV":
			var err error
			if data, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return
			}
			port := data.Addr().(*net.TCPAddr).Port
			if command == "EPSV" {
				fmt.Fprintf(c, "229 here (|||%d|)\r\n", port)
			} else { // with another address, which is not to be used
				fmt.Fprintf(c, "227 here (169,254,169,254,%d,%d)\r\n", port>>8, port&255)
			}
		case "RETR", "NLST":
			sent := content[off:]
			off = 0
			if command == "NLST" {
				sent = File + "\r\n"
			}
			if arg != File && (command == "RETR" || arg != "/"+path.Dir(File)) {
				fmt.Fprint(c, "550 no such file\r\n")
				continue
			}
			fmt.Fprint(c, "150 coming\r\n")
			d, err := data.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(d, sent)
			d.Close()
			fmt.Fprint(c, "226 done\r\n")
		default:
			fmt.Fprint(c, "502 what?\r\n")
		}
	}
}
