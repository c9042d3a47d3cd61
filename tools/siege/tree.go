package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// makeTree makes files of 1 B to 64 KiB, and one in 50 of 1 to 24 MiB. All differ.
func makeTree(dir string, files int, chance *rand.Rand) error {
	noise := make([]byte, 24<<20)
	for i := range noise {
		noise[i] = byte(chance.Uint32())
	}
	for i := range files {
		n := int(math.Pow(64<<10, chance.Float64()))
		if i%50 == 7 {
			n = 1<<20 + chance.IntN(23<<20)
		}
		path := filepath.Join(dir, fmt.Sprintf("d%02d", i%37), fmt.Sprintf("file-%04d", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		content := append(fmt.Appendf(nil, "%08d", i), noise[:n]...)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files are the paths below dir, with slashes.
func files(dir string) (paths []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	return paths, err
}

// sameTree compares two directories.
func sameTree(want, got string) error {
	return compare(want, func(path string) (io.ReadCloser, error) { return os.Open(filepath.Join(got, path)) })
}

// compare compares each file below want with what open gives.
func compare(want string, open func(path string) (io.ReadCloser, error)) error {
	paths, err := files(want)
	if err != nil {
		return err
	}
	todo := make(chan string)
	var mu sync.Mutex
	var wrong []error
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for p := range todo {
				if err := sameFile(filepath.Join(want, p), p, open); err != nil {
					mu.Lock()
					wrong = append(wrong, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, p := range paths {
		todo <- p
	}
	close(todo)
	wg.Wait()
	if n := len(wrong); n > 3 {
		wrong = append(wrong[:3], fmt.Errorf("and %d more", n-3))
	}
	return errors.Join(wrong...)
}

func sameFile(path, name string, open func(string) (io.ReadCloser, error)) error {
	want, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r, err := open(name)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	defer func() { _ = r.Close() }() // it was only read
	got, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if !bytes.Equal(want, got) {
		return fmt.Errorf("%q has other content: %d bytes of %d", name, len(got), len(want))
	}
	return nil
}

// samePrefix compares a directory with the objects below prefix.
func (v *victim) samePrefix(ctx context.Context, want, prefix string) error {
	return compare(want, func(path string) (io.ReadCloser, error) {
		out, err := v.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(prefix + "/" + path)})
		if err != nil {
			return nil, err
		}
		return out.Body, nil
	})
}

// keys is how many objects there are below prefix.
func (v *victim) keys(ctx context.Context, prefix string) (n int, err error) {
	pages := s3.NewListObjectsV2Paginator(v.client, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix + "/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		n += len(page.Contents)
	}
	return n, nil
}

// uploads is how many uploads in parts are open below prefix.
func (v *victim) uploads(ctx context.Context, prefix string) (n int, err error) {
	out, err := v.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		return 0, err
	}
	for _, u := range out.Uploads {
		if strings.HasPrefix(aws.ToString(u.Key), prefix+"/") {
			n++
		}
	}
	return n, nil
}

// leftParts are the names of files in the making below dir.
func leftParts(dir string) (left []string, err error) {
	paths, err := files(dir)
	for _, p := range paths {
		if strings.HasPrefix(filepath.Base(p), ".ferry-part-") {
			left = append(left, p)
		}
	}
	return left, err
}
