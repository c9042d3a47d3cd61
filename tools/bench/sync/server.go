package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/genepattern/ferry/internal/lab"
)

// A server is one with one bucket: the lab's S3, MinIO, or the emulator of Google Cloud Storage.
type server struct {
	target target
	bucket *lab.Server
	end    func()
	empty  func() error // nil where objects are the files of the bucket's directory
	dir    string
}

func startServer(s settings, tls bool) (*server, error) {
	dir := filepath.Join(s.dir, "server")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if s.store == google {
		return startGoogle(dir)
	}
	if s.minio != "" && tls {
		return nil, errors.New("no MinIO with TLS here")
	}
	if s.minio != "" {
		return startMinIO(s.minio, dir)
	}
	s3, err := lab.StartS3(lab.S3Options{TLS: tls, Dir: dir})
	if err != nil {
		return nil, err
	}
	srv := &server{end: s3.Stop, dir: dir}
	if srv.bucket, err = s3.Bucket(bucket); err != nil {
		return nil, errors.Join(err, srv.stop())
	}
	srv.target = target{endpoint: srv.bucket.Endpoint, ca: srv.bucket.CAFile}
	return srv, nil
}

// startGoogle starts the emulator of Google Cloud Storage, with one bucket. Over a directory it takes 10 ms for an object, so it is in memory.
func startGoogle(dir string) (*server, error) {
	g, err := lab.StartGCS("")
	if err != nil {
		return nil, err
	}
	srv := &server{end: g.Stop, dir: dir, target: target{endpoint: g.Endpoint, scheme: google}}
	srv.empty = func() error {
		resp, err := http.Post(g.Endpoint+"/_internal/delete_all", "", nil)
		if err != nil {
			return err
		}
		return errors.Join(resp.Body.Close(), g.Bucket(bucket))
	}
	if err := g.Bucket(bucket); err != nil {
		return nil, errors.Join(err, srv.stop())
	}
	return srv, nil
}

// clear empties the bucket.
func (s *server) clear() error {
	if s.empty != nil {
		return s.empty()
	}
	names, err := os.ReadDir(s.bucket.Dir)
	for _, n := range names {
		if err := os.RemoveAll(filepath.Join(s.bucket.Dir, n.Name())); err != nil {
			return err
		}
	}
	return err
}

func (s *server) stop() error {
	s.end()
	return os.RemoveAll(s.dir)
}
