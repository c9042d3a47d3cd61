package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A server is a running s3server; it ends when its standard input does.
type server struct {
	target target
	data   string // the bucket's directory
	cmd    *exec.Cmd
	stdin  io.Closer
	dir    string
}

func startServer(s settings, tls bool) (*server, error) {
	srv := &server{dir: filepath.Join(s.dir, "server")}
	data := filepath.Join(srv.dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	args := []string{"-dir", data, "-bucket", bucket}
	if tls {
		cert, key := filepath.Join(srv.dir, "cert.pem"), filepath.Join(srv.dir, "key.pem")
		if err := makeCert(cert, key); err != nil {
			return nil, err
		}
		args = append(args, "-cert", cert, "-key", key)
		srv.target.ca = cert
	}
	srv.data = filepath.Join(data, bucket)
	srv.cmd = exec.Command(s.server, args...)
	srv.cmd.Stderr = os.Stderr
	in, err := srv.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := srv.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := srv.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the S3 server: %w", err)
	}
	srv.stdin = in
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) < 2 {
		srv.stop()
		return nil, fmt.Errorf("the S3 server does not start: %q, %w", line, err)
	}
	srv.target.endpoint = fields[1]
	return srv, nil
}

// clear empties the bucket.
func (s *server) clear() error {
	names, err := os.ReadDir(s.data)
	for _, n := range names {
		if err := os.RemoveAll(filepath.Join(s.data, n.Name())); err != nil {
			return err
		}
	}
	return err
}

func (s *server) stop() {
	s.stdin.Close()
	s.cmd.Wait()
	os.RemoveAll(s.dir)
}

// makeCert makes a certificate for the loopback interface, good for a day.
func makeCert(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench-sync"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{certFile, "CERTIFICATE", der}, {keyFile, "PRIVATE KEY", private}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// curl fetches the files all at once, which is what the network and the disk allow. It is not signed in the URL: the
// server checks curl's own signature.
func curl(srv *server, src string, at target, dst string) (cost, error) {
	path, err := exec.LookPath("curl")
	if err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(dst)
	args := []string{"--parallel", "--parallel-immediate", "--silent", "--show-error", "--fail", "--create-dirs",
		"--aws-sigv4", "aws:amz:us-east-1:s3", "--user", accessKey + ":" + secretKey, "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"}
	if at.ca != "" {
		args = append(args, "--cacert", at.ca)
	}
	err = filepath.WalkDir(src, func(file string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel := strings.TrimPrefix(file, src)
			args = append(args, at.endpoint+"/"+bucket+"/data"+rel, "-o", dst+rel)
		}
		return err
	})
	if err != nil {
		return cost{}, err
	}
	return measure(path, args, at)
}
