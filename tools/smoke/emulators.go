package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/genepattern/ferry/internal/lab"
)

// emulators are those that the test starts by itself.
var emulators = []struct {
	name  string
	start func(t *test, dir string) (endpoint string, stop func(), err error)
}{
	{"LocalStack", func(t *test, dir string) (string, func(), error) {
		l, err := lab.StartLocalStack(t.ctx, dir)
		if err != nil {
			return "", nil, err
		}
		return l.Endpoint, l.Stop, nil
	}},
	{"moto", func(t *test, dir string) (string, func(), error) {
		m, err := lab.StartMoto(t.ctx, dir, t.engine.Host)
		if err != nil {
			return "", nil, err
		}
		return m.Endpoint, m.Stop, nil
	}},
	{"versitygw", func(t *test, _ string) (string, func(), error) {
		s, err := lab.StartS3(lab.S3Options{})
		if err != nil {
			return "", nil, err
		}
		b, err := s.Bucket("smoke")
		if err != nil {
			s.Stop()
			return "", nil, err
		}
		t.key, t.secret = b.AccessKey, b.SecretKey // the one that takes no others
		return b.Endpoint, s.Stop, nil
	}},
}

// eachEmulator is the whole test with each emulator, in a directory.
func (t *test) eachEmulator(dir string) (err error) {
	for _, script := range []string{"localstack.sh", "moto.sh"} {
		if _, err := lab.Output(lab.Command(t.ctx, nil, filepath.Join(lab.Root(), "scripts", script), "install")); err != nil {
			return err
		}
	}
	if t.engine, err = lab.StartEngine(t.ctx, os.Stderr); err != nil {
		return err
	}
	for _, e := range emulators {
		own := filepath.Join(dir, e.name)
		if err := os.Mkdir(own, 0o755); err != nil {
			return err
		}
		say("%s", e.name)
		endpoint, stop, err := e.start(t, own)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		err = t.against(endpoint)
		stop()
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return nil
}
