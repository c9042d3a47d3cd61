package sync_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"

	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// What a killed download left goes with the next one; what another process is writing stays.
func TestSweepsPartFiles(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	files(t, src, map[string]string{"p/d/x": "1"})
	files(t, dst, map[string]string{"d/.ferry-part-dead": "half", "d/.ferry-part-living": "half", "d/mine": "stays"})
	old := time.Now().Add(-time.Minute)
	for _, n := range []string{"dead", "living"} {
		if err := os.Chtimes(filepath.Join(dst, "d/.ferry-part-"+n), old, old); err != nil {
			t.Fatal(err)
		}
	}
	living, err := os.Open(filepath.Join(dst, "d/.ferry-part-living"))
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	if err := unix.Flock(int(living.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := ferrysync.New(ferrysync.Config{}).Down(t.Context(), dirStore(t, src), "p", openRoot(t, dst), ferrysync.Options{}); err != nil {
		t.Fatal(err)
	}
	for n, stays := range map[string]bool{"d/.ferry-part-dead": false, "d/.ferry-part-living": true, "d/mine": true, "d/x": true} {
		if _, err := os.Lstat(filepath.Join(dst, n)); (err == nil) != stays {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// So it goes where one file comes down, and where files go up into a directory as a store.
func TestSweepsWhereItWrites(t *testing.T) {
	src := t.TempDir()
	files(t, src, map[string]string{"d/x": "1"})
	for way, write := range map[string]func(dst string) (ferrysync.Stats, error){
		"one file down": func(dst string) (ferrysync.Stats, error) {
			return ferrysync.New(ferrysync.Config{}).DownFile(t.Context(), dirStore(t, src), "d/x", openRoot(t, dst), "d/x", ferrysync.Options{})
		},
		"up": func(dst string) (ferrysync.Stats, error) {
			return ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), dirStore(t, dst), "", ferrysync.Options{})
		},
		"one file up": func(dst string) (ferrysync.Stats, error) {
			return ferrysync.New(ferrysync.Config{}).UpFile(t.Context(), openRoot(t, src), "d/x", dirStore(t, dst), "d/x", ferrysync.Options{})
		},
		"a copy": func(dst string) (ferrysync.Stats, error) {
			return ferrysync.New(ferrysync.Config{}).Copy(t.Context(), dirStore(t, src), "", dirStore(t, dst), "", ferrysync.Options{})
		},
	} {
		dst := t.TempDir()
		files(t, dst, map[string]string{"d/.ferry-part-dead": "half", "d/.ferry-part-young": "half", "d/mine": "stays"})
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(filepath.Join(dst, "d/.ferry-part-dead"), old, old); err != nil {
			t.Fatal(err)
		}
		if s, err := write(dst); err != nil || s.Files != 1 {
			t.Fatalf("%s: %+v, %v", way, s, err)
		}
		for n, stays := range map[string]bool{"d/.ferry-part-dead": false, "d/.ferry-part-young": true, "d/mine": true, "d/x": true} {
			if _, err := os.Lstat(filepath.Join(dst, n)); (err == nil) != stays {
				t.Errorf("%s: %s: %v", way, n, err)
			}
		}
	}
}

// An upload in parts that was never ended goes with the next transfer of its file; one of another key stays, and so does a young one.
func TestSweepsUploads(t *testing.T) {
	st, srv := s3Store(t)
	client := awss3.New(awss3.Options{Region: srv.Region, BaseEndpoint: &srv.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(srv.AccessKey, srv.SecretKey, "")})
	for _, key := range []string{"p/large", "p/other"} {
		if _, err := client.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &srv.Bucket, Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
	src := t.TempDir()
	files(t, src, map[string]string{"large": string(storetest.Bytes(6 << 20))})
	for _, c := range []struct {
		age  time.Duration
		left int
	}{{time.Hour, 2}, {-time.Hour, 1}} {
		ferrysync.SweepAfter(t, c.age)
		files(t, src, map[string]string{"large": string(storetest.Bytes(6<<20 + int64(c.left)))})
		if _, err := ferrysync.New(ferrysync.Config{}).Up(t.Context(), openRoot(t, src), st, "p", ferrysync.Options{}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for up, err := range st.Unfinished(t.Context(), "p/") {
			if n++; err != nil || c.left == 1 && up.Key != "p/other" {
				t.Errorf("%+v, %v", up, err)
			}
		}
		if n != c.left {
			t.Errorf("%d uploads left, want %d", n, c.left)
		}
	}
}
