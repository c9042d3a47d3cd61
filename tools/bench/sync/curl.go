package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// curl fetches the files all at once, which is what the network and the disk allow. It is not signed in the URL: the
// server checks curl's own signature.
func curl(ctx context.Context, src string, at target, dst string) (cost, error) {
	path, err := exec.LookPath("curl")
	if err != nil {
		return cost{}, err
	}
	defer func() { _ = os.RemoveAll(dst) }()
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
	return measure(ctx, path, args, at)
}
