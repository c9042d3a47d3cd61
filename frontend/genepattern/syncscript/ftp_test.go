package syncscript

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// ftpServer serves one file by FTP. Its answers to some commands can be replaced.
func ftpServer(t *testing.T, content string, replace map[string]string) string {
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
			go serveFTP(c, content, replace)
		}
	}()
	return "ftp://" + l.Addr().String()
}

func serveFTP(c net.Conn, content string, replace map[string]string) {
	defer c.Close()
	fmt.Fprint(c, "220-Welcome\r\n220 ready\r\n")
	var data net.Listener
	defer func() {
		if data != nil {
			data.Close()
		}
	}()
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
		case "RETR":
			if arg != "pub/all aml.gct" {
				fmt.Fprint(c, "550 no such file\r\n")
				continue
			}
			fmt.Fprint(c, "150 coming\r\n")
			d, err := data.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(d, content)
			d.Close()
			fmt.Fprint(c, "226 done\r\n")
		default:
			fmt.Fprint(c, "502 what?\r\n")
		}
	}
}

func TestFTP(t *testing.T) {
	for name, c := range map[string]struct {
		replace map[string]string
		path    string
		says    string // of the warning, "" for none
	}{
		"fine":      {nil, "/pub/all%20aml.gct", ""},
		"older":     {map[string]string{"EPSV": "502 no", "SIZE": "502 no"}, "/pub/all%20aml.gct", ""},
		"missing":   {nil, "/pub/none", "550 no such file"},
		"no login":  {map[string]string{"PASS": "530 no"}, "/pub/all%20aml.gct", "530 no"},
		"cut":       {map[string]string{"SIZE": "213 100000"}, "/pub/all%20aml.gct", "unexpected EOF"},
		"odd port":  {map[string]string{"EPSV": "229 (|||22|)"}, "/pub/all%20aml.gct", "port 22"},
		"injection": {nil, "/pub/x%0d%0aDELE%20y", "names no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := ftpServer(t, "gene\t1\n", c.replace)
			b := newBench(t, "wget -q -O /local/jobs/101/f \""+url+c.path+"\" || true\n")
			if err := b.run(t); err != nil {
				t.Fatal(err)
			}
			got := b.files(t)
			if c.says == "" {
				if got["jobs/101/f"] != "gene\t1\n" || len(b.warnings) != 0 {
					t.Errorf("file is %q, warnings %q", got, b.warnings)
				}
				return
			}
			if len(got) != 0 || len(b.warnings) != 1 || !strings.Contains(b.warnings[0], c.says) {
				t.Errorf("files are %q, warnings %q, want %q", got, b.warnings, c.says)
			}
		})
	}
}
