package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

// printed is what `ferry jobdef` prints for AWS Batch.
func printed(t *testing.T, platform string, flags ...string) string {
	t.Helper()
	s := submitter{t: t, dir: t.TempDir(), env: testenv.Environ()}
	args := append([]string{"jobdef", "--for", platform, "--name", "job-" + platform, "--image", "ferry:1", "--role", "arn:aws:iam::1:role/jobs"}, flags...)
	options := []string{"--", "--remote", "s3://bucket/me"}
	if slices.Contains(flags, "--in-place") {
		options = options[:1]
	}
	out, errs, code := s.run(append(append(args, options...), "--image", "debian:12", "--workdir", "/jobs/1", "--memory", "2g", "--gpus", "1", "--mount", "/data:/data")...)
	if code != 0 || !strings.Contains(out, `"--workdir"`) {
		t.Fatalf("%s: code %d, %q, %q", platform, code, out, errs)
	}
	return out
}

// moto registers what is printed for one container. It knows no job of several.
func TestMotoTakesDefinition(t *testing.T) {
	_, err := lab.MotoProgram()
	testenv.Require(t, err == nil, "moto (scripts/moto.sh install)")
	m, err := lab.StartMoto(t.Context(), t.TempDir(), testenv.Docker(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	if err := m.Definition(t.Context(), printed(t, "batch")); err != nil {
		t.Error(err)
	}
}

// AWS's own client takes what is printed: it has a field for each name, misses none that AWS requires, and sends the same on.
func TestClientTakesDefinition(t *testing.T) {
	shared := printed(t, "batch", "--in-place", "--efs", "fs-0123:/genome=/jobs", "--efs", "fs-4567@fsap-89ab=/x", "--lustre", "/fsx=/y", "--s3files", "arn:aws:s3files:us-east-1:1:file-system/fs-1:/dir=/z")
	for platform, text := range map[string]string{"batch": printed(t, "batch"), "batch-containers": printed(t, "batch-containers"), "in place": shared} {
		in := json.NewDecoder(strings.NewReader(text))
		in.DisallowUnknownFields()
		var input batch.RegisterJobDefinitionInput
		if err := in.Decode(&input); err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		var sent []byte
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20))
			_, _ = io.WriteString(w, `{"jobDefinitionName": "x", "jobDefinitionArn": "arn:x", "revision": 1}`)
		}))
		defer server.Close()
		c := batch.New(batch.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("k", "s", "")})
		if _, err := c.RegisterJobDefinition(t.Context(), &input); err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		var want, got any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(bytes.NewReader(sent)).Decode(&got); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%s: %v\nprinted %s\nsent %s", platform, err, text, sent)
		}
	}
}
