package remotetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
)

// A TLS is a port where the engine answers who has the right certificate.
type TLS struct {
	Host  string // for DOCKER_HOST: tcp://127.0.0.1:PORT
	Certs string // for DOCKER_CERT_PATH

	// Received is how many bytes came over connections that have ended.
	Received *atomic.Int64
}

// StartTLS puts TLS before the engine's socket.
func StartTLS(t testing.TB) TLS {
	t.Helper()
	socket, ok := strings.CutPrefix(testenv.Docker(t), "unix://")
	testenv.Require(t, ok, "an engine at a socket")
	dir := t.TempDir()
	ca, caKey := certificate(t, nil, nil, dir, "ca.pem", "")
	server, serverKey := certificate(t, ca, caKey, dir, "server.pem", "server-key.pem")
	certificate(t, ca, caKey, dir, "cert.pem", "key.pem")
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool, NextProtos: []string{"http/1.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	received := new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go join(c, socket, received)
		}
	}()
	return TLS{Host: "tcp://" + l.Addr().String(), Certs: dir, Received: received}
}

// join passes bytes on both ways until either side ends.
func join(c net.Conn, socket string, received *atomic.Int64) {
	defer c.Close()
	e, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer e.Close()
	done := make(chan struct{}, 2)
	go func() {
		n, _ := io.Copy(e, c)
		received.Add(n)
		done <- struct{}{}
	}()
	go func() { _, _ = io.Copy(c, e); done <- struct{}{} }()
	<-done
}

// certificate makes one signed by the parent, or by itself, for server and client alike.
func certificate(t testing.TB, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, dir, certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: certFile}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if file == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
