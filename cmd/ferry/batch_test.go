package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// batchQueue makes a queue and a bucket in moto's account.
func batchQueue(t *testing.T, m *lab.Moto, queue, bucket string) {
	t.Helper()
	ctx := t.Context()
	role, err := m.Role(ctx, "batch")
	if err != nil {
		t.Fatal(err)
	}
	conf := aws.Config{Region: "us-east-1", BaseEndpoint: &m.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	c := batch.NewFromConfig(conf)
	ce, err := c.CreateComputeEnvironment(ctx, &batch.CreateComputeEnvironmentInput{ComputeEnvironmentName: aws.String("here"), Type: types.CETypeUnmanaged, ServiceRole: &role})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateJobQueue(ctx, &batch.CreateJobQueueInput{JobQueueName: &queue, Priority: aws.Int32(1), State: types.JQStateEnabled,
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: ce.ComputeEnvironmentArn}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(conf, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
}

// wholeNumbers is moto for the submitter: it passes all on, and writes vCPUs and times as AWS does. moto writes 1.0, which the SDK
// refuses.
func wholeNumbers(t *testing.T, m *lab.Moto) string {
	t.Helper()
	to, err := url.Parse(m.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(to)
	p.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path != "/v1/describejobs" && !strings.HasPrefix(r.Request.Header.Get("X-Amz-Target"), "Logs_") {
			return nil
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		data = regexp.MustCompile(`("(?:vcpus|timestamp|ingestionTime)": *\d+)\.\d+`).ReplaceAll(data, []byte("$1"))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		r.Header.Set("Content-Length", strconv.Itoa(len(data)))
		return nil
	}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return srv.URL
}

// Jobs on an emulator of AWS Batch that runs them as real containers: ferry's transfer image starts the module beside itself. What the
// emulator lacks (exit codes, retries, arrays) is tested in scheduler/batch.
func TestSubmitToBatch(t *testing.T) {
	host, image, transfer := testenv.Docker(t), testenv.ModuleImage(t), testenv.TransferImage(t)
	_, err := lab.MotoProgram()
	testenv.Require(t, err == nil, "moto (scripts/moto.sh install)")
	testenv.Require(t, os.Geteuid() == 0, "root, to make /local")
	m, err := lab.StartMoto(t.Context(), t.TempDir(), host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	batchQueue(t, m, "queue", "bucket")
	if err := os.Mkdir("/local", 0o755); err == nil { // of the definition; a node has it
		t.Cleanup(func() { _ = os.Remove("/local") }) // what another test keeps there stays
	}
	dir := t.TempDir()
	aws := []string{"AWS_ENDPOINT_URL=" + wholeNumbers(t, m), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1"}
	s := submitter{t: t, dir: dir, env: testenv.Environ(append(aws, "XDG_STATE_HOME="+filepath.Join(dir, "state"))...)}
	submit := []string{"submit", "--to", "batch:queue", "--transfer-image", transfer, "--remote", "s3://bucket/me", "--image", image}
	for _, kv := range aws {
		name, _, _ := strings.Cut(kv, "=")
		submit = append(submit, "--transfer-env", name)
	}

	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "data.txt"), []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := s.run(append(submit, "--wait", "--workdir", "one", "--input", "in", "--", "sh", "-c", "cat ../in/data.txt; echo made > made.txt; exit 3")...)
	if code != 3 || out != "data\n" || s.file("one/made.txt") != "made\n" {
		t.Errorf("code %d, %q, %q", code, out, errs)
	}
	handle := "s3://bucket/me" + dir + "/one/.gp_metadata"
	s.untilLog(handle, "stage-out")

	out, errs, code = s.run(append(submit, "--workdir", "long", "--", "sleep", "100")...)
	if code != 0 {
		t.Fatal(errs)
	}
	handle = strings.TrimSpace(out)
	s.until(handle, "running")
	if _, errs, code := s.run("cancel", handle); code != 0 {
		t.Fatal(errs)
	}
	s.until(handle, "cancelled")
	out, errs, code = s.run("submit", "--to", "batch:nosuch", "--transfer-image", transfer, "--remote", "s3://bucket/me", "--image", image, "--", "true")
	if code != 64 || !strings.Contains(errs, "queue") {
		t.Errorf("no such queue: code %d, %q, %q", code, out, errs)
	}
}

// untilLog asks for what ferry said until it has the text: moto has a log only once it has seen the container's end.
func (s submitter) untilLog(handle, text string) {
	s.t.Helper()
	var out, errs string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if out, errs, _ = s.run("logs", "--ferry", handle); strings.Contains(out, text) {
			return
		}
	}
	s.t.Errorf("the log of ferry: %q, %q", out, errs)
}
