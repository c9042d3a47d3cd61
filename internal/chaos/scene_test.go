package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
)

// Directories of every job, as its module sees them.
const (
	workdir = "/jobs/1"
	meta    = workdir + "/.gp_metadata"
	input   = "/in"
	private = "/users/ann@example.org/uploads" // of the user below
	userID  = "ann@example.org"
)

// A scene is a node, a bucket, and a job in it.
type scene struct {
	t       *testing.T
	row     row
	got     *seen
	s3      *testenv.Server
	google  store.Store // in place of s3; nil for s3
	azure   store.Store // likewise
	blobs   *testenv.Container
	proxy   *testenv.FaultProxy
	host    string // the engine's address
	onHost  bool   // ferry runs on the host, not in its image
	unread  bool   // ferry's stdout and stderr are a pipe without a reader
	prefix  string // the local prefix
	id      string // of the job
	env     []string
	held    atomic.Bool       // a request is kept waiting
	results map[string]string // path of the store's root -> content: what the module writes, to be in the store
}

var scenes atomic.Int64

// newScene makes a bucket with a job whose module copies its inputs.
func newScene(t *testing.T, r row, got *seen) *scene {
	t.Helper()
	if (r.own || r.root) && os.Geteuid() != 0 {
		testenv.Require(t, false, "root (scripts/chaos.sh asks for it)")
	}
	s := &scene{t: t, row: r, got: got, host: testenv.Docker(t), s3: testenv.S3(t), results: map[string]string{},
		id: fmt.Sprintf("c%d-%d", os.Getpid(), scenes.Add(1)), prefix: filepath.Join(tempDir(t), "local")}
	s.proxy = testenv.Proxy(t, s.s3.Endpoint)
	s.env = s.proxy.Via(s.s3).Env()
	if r.azure {
		s.inAzure()
	}
	if err := os.Mkdir(s.prefix, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // of a row that did not come to its end; on an engine of its own that is gone by now, this fails
		if list, err := s.tryDocker("ps", "-aq", "--filter", "label=ferry.job="+s.id); err == nil && list != "" && t.Failed() {
			_, _ = s.tryDocker(append([]string{"rm", "-f"}, strings.Fields(list)...)...)
		}
	})
	s.put(meta+"/exec.sh", copyInputs)
	s.put(private+"/secret.txt", "secret\n")
	s.inputs(8)
	return s
}

// tempDir is a directory for files of root's, which a test that is not root's cannot remove itself.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ferry-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.RemoveAll(dir) == nil {
			return
		}
		cmd := exec.Command("docker", "run", "--rm", "--network", "none", "-v", filepath.Dir(dir)+":/up", testenv.ModuleImage(t),
			"/bin/rm", "-rf", "/up/"+filepath.Base(dir))
		cmd.Env = testenv.Environ("DOCKER_HOST=" + testenv.Docker(t))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Logf("%s is left: %v %s", dir, err, out)
		}
	})
	return dir
}

// copyInputs is what most modules do here.
const copyInputs = "set -e\ncp /in/* .\necho done > result.txt\n"

// inputs makes n small input files and one of some size, and expects the module to copy them.
func (s *scene) inputs(n int) {
	s.t.Helper()
	for i := range n {
		s.file(fmt.Sprintf("f%03d.txt", i), strings.Repeat(fmt.Sprintf("file %d\n", i), 32))
	}
	s.file("big.bin", strings.Repeat("0123456789abcde\n", 20<<10))
	s.results[workdir+"/result.txt"] = "done\n"
}

func (s *scene) file(name, text string) {
	s.put(input+"/"+name, text)
	s.results[workdir+"/"+name] = text
}

// exec makes the module's script.
func (s *scene) exec(lines ...string) { s.put(meta+"/exec.sh", strings.Join(lines, "\n")+"\n") }

// expect replaces what the module is to leave in the store.
func (s *scene) expect(nameText ...string) {
	clear(s.results)
	for i := 0; i < len(nameText); i += 2 {
		s.results[workdir+"/"+nameText[i]] = nameText[i+1]
	}
}

// put makes an object, not through the proxy, and with an ETag as every client's upload has one.
func (s *scene) put(path, text string) {
	s.t.Helper()
	key := "root" + path
	if s.google != nil {
		if _, err := s.google.Put(s.t.Context(), key, store.Body{Bytes: []byte(text)}, store.PutOptions{}); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	if s.azure != nil {
		s.putBlob(key, text)
		return
	}
	_, err := s.client().PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: &s.s3.Bucket, Key: &key, Body: strings.NewReader(text)})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) client() *s3.Client {
	return s3.New(s3.Options{Region: s.s3.Region, BaseEndpoint: &s.s3.Endpoint, UsePathStyle: true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		Credentials:                credentials.NewStaticCredentialsProvider(s.s3.AccessKey, s.s3.SecretKey, "")})
}

// stored reads an object.
func (s *scene) stored(path string) (string, bool) {
	if s.google != nil {
		return s.storedAtGoogle(path)
	}
	if s.azure != nil {
		return s.blob("root" + path)
	}
	b, err := os.ReadFile(filepath.Join(s.s3.Dir, "root", path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Error(err)
	}
	return string(b), err == nil
}

// docker runs the docker command on the scene's engine.
func (s *scene) docker(args ...string) string {
	s.t.Helper()
	out, err := s.tryDocker(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *scene) tryDocker(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = testenv.Environ("DOCKER_HOST=" + s.host)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %q: %w: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// bad notes that the row did not go as it must.
func (s *scene) bad(format string, args ...any) {
	s.t.Helper()
	text := fmt.Sprintf(format, args...)
	s.t.Error(text)
	s.got.mu.Lock()
	defer s.got.mu.Unlock()
	s.got.failed = append(s.got.failed, text)
}
