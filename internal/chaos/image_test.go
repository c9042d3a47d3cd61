package chaos

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/genepattern/ferry/commit/registrytest"
	"github.com/genepattern/ferry/internal/testenv"
)

// blobSize is that of the layer that a pull has to fetch, in bytes.
const blobSize = 1 << 20

// registryImage puts an image into a registry of the row's own that the engine does not have.
func (s *scene) registryImage() (*registrytest.Registry, string) {
	s.t.Helper()
	r := registrytest.Start(s.t, registrytest.Options{})
	ref := r.Host + "/chaos/" + s.id + ":1"
	random, err := os.Open("/dev/urandom")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = random.Close() }()
	file := filepath.Join(s.t.TempDir(), "layer")
	data, err := io.ReadAll(io.LimitReader(random, blobSize))
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	id := s.docker("create", testenv.ModuleImage(s.t), "/bin/true")
	s.docker("cp", file, id+":/layer")
	s.docker("commit", id, ref)
	s.docker("rm", id)
	s.docker("push", "-q", ref)
	s.docker("rmi", ref)
	s.t.Cleanup(func() { _, _ = s.tryDocker("rmi", ref) })
	return r, ref
}

// isBlob says that a request is for the content of a layer.
func isBlob(r *http.Request) bool {
	return r.Method == "GET" && strings.Contains(r.URL.Path, "/blobs/sha256:")
}

// cut sends half of what was asked for.
func cut(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000000")
	_, _ = w.Write(make([]byte, 1000))
	panic(http.ErrAbortHandler)
}

func imageRows() []row {
	const group = "The image cannot be had"
	return []row{
		{group: group, name: "the registry does not have it", code: 71, cause: "image", run: func(s *scene) {
			r := registrytest.Start(s.t, registrytest.Options{})
			s.expect()
			s.runJob("--image", r.Host+"/none/such:1")
		}},
		{group: group, name: "the registry wants a login", code: 71, cause: "image", run: func(s *scene) {
			r := registrytest.Start(s.t, registrytest.Options{User: "u", Password: "p"})
			s.expect()
			s.runJob("--image", r.Host+"/none/such:1")
		}},
		{group: group, name: "SIGTERM while a pull stalls", code: 75, cause: "interrupted", run: func(s *scene) {
			r, ref := s.registryImage()
			stalled := make(chan struct{}, 64)
			r.Fail(func(_ http.ResponseWriter, req *http.Request) bool {
				if isBlob(req) {
					stalled <- struct{}{}
					<-req.Context().Done()
					panic(http.ErrAbortHandler)
				}
				return false
			})
			s.expect()
			f := s.start("--image", ref)
			select {
			case <-stalled:
			case <-f.done:
			}
			f.signal(syscall.SIGTERM)
			s.check(f)
		}},
		{group: group, name: "a pull is interrupted once", run: func(s *scene) {
			r, ref := s.registryImage()
			var cuts atomic.Int64
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				if isBlob(req) && cuts.Add(1) == 1 {
					cut(w)
				}
				return false
			})
			s.runJob("--image", ref)
		}},
		{group: group, name: "the registry answers 429 for some time", run: func(s *scene) {
			r, ref := s.registryImage()
			var refused atomic.Int64
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/manifests/") || refused.Add(1) > 6 {
					return false
				}
				w.Header().Set("Retry-After", "1")
				registrytest.Refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "by a test")
				return true
			})
			s.runJob("--image", ref)
		}},
		{group: group, name: "the registry answers 429 and wants an hour", code: 75, cause: "interrupted", run: func(s *scene) {
			r, ref := s.registryImage()
			r.Fail(func(w http.ResponseWriter, req *http.Request) bool {
				w.Header().Set("Retry-After", "3600")
				registrytest.Refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "by a test")
				return true
			})
			s.expect()
			s.runJob("--image", ref)
		}},
		{group: group, name: "its programs are for another processor", code: 72, cause: "launch", run: func(s *scene) {
			image, _ := testenv.ForeignImage(s.t)
			s.expect()
			s.runJob("--image", image)
		}},
		{group: group, name: "the registry fails with 500 again and again", code: 71, cause: "image", slow: true, run: func(s *scene) {
			r, ref := s.registryImage()
			r.Fail(func(w http.ResponseWriter, _ *http.Request) bool {
				registrytest.Refuse(w, http.StatusInternalServerError, "UNKNOWN", "by a test")
				return true
			})
			s.expect()
			s.runJob("--image", ref)
		}},
	}
}
