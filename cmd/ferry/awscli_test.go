package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store/stores"
)

// awsCLI is the AWS CLI that scripts/awscli.sh installs, or the machine's.
func awsCLI(t *testing.T) string {
	t.Helper()
	if own := filepath.Join(testenv.Root(), "bin", "awscli", "bin", "aws"); exec.Command(own, "--version").Run() == nil {
		return own
	}
	path, err := exec.LookPath("aws")
	testenv.Require(t, err == nil, "the AWS CLI; scripts/awscli.sh installs it")
	return path
}

// A session is one tool with a directory and a prefix of its own, in which the same commands run.
type session struct {
	t      *testing.T
	tool   []string
	dir    string
	env    []string
	prefix string // s3://bucket/name
}

// run runs a command and gives its exit code and what it printed, with the session's own names cut out and lines in order.
func (s session) run(stdin string, args ...string) (code int, stdout, stderr []string) {
	s.t.Helper()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "REMOTE", s.prefix)
	}
	cmd := exec.Command(s.tool[0], append(slices.Clone(s.tool[1:]), args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.env, strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	lines := func(text string) (all []string) {
		for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
			line = strings.TrimSpace(strings.ReplaceAll(line, s.prefix, "REMOTE"))
			if line != "" && !strings.HasPrefix(line, "Completed ") {
				all = append(all, line)
			}
		}
		slices.Sort(all)
		return all
	}
	return cmd.ProcessState.ExitCode(), lines(out.String()), lines(errs.String())
}

// Both tools get the same commands, and print the same lines. What is in the store and in the directory is the same, too.
func TestAsTheAWSCLI(t *testing.T) {
	t.Parallel() // most of its time is Python's start
	aws := awsCLI(t)
	srv := testenv.S3(t)
	cold := testenv.Archive(t, srv, "GLACIER", "aws/cold/b", "ferry/cold/b")
	both := func() (tools [2]session) {
		for i, s := range []session{{tool: []string{aws, "s3"}, prefix: "aws"}, {tool: []string{testenv.FerryBinary(t)}, prefix: "ferry"}} {
			s.t, s.dir = t, t.TempDir()
			s.env = testenv.Environ(append(cold.Env(), "AWS_EC2_METADATA_DISABLED=true", "HOME="+s.dir, "AWS_DEFAULT_REGION="+srv.Region)...)
			s.prefix = "s3://" + srv.Bucket + "/" + s.prefix
			tools[i] = s
		}
		return tools
	}
	tools := both()
	for name, text := range map[string]string{"tree/a.txt": "a", "tree/dir/b.html": "bb", "tree/dir/c": "c", "cold/a": "1", "cold/b": "2", "one.csv": "1,2", "big.bin": strings.Repeat("x", 9<<20)} {
		for _, s := range tools {
			path := filepath.Join(s.dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range [][]string{
		{"sync", "tree", "REMOTE/p", "--dryrun"},
		{"sync", "tree", "REMOTE/p"},
		{"sync", "tree", "REMOTE/p"},
		{"sync", "tree", "REMOTE/p", "--dryrun"},
		{"sync", "tree", "REMOTE/q/", "--exclude", "*", "--include", "*.html", "--metadata", "one=1,two=2", "--cache-control", "no-cache", "--content-type", "text/x-own"},
		{"sync", "REMOTE/p", "back"},
		{"sync", "REMOTE/p", "back", "--delete", "--exact-timestamps"},
		{"sync", "REMOTE/p", ".", "--dryrun"},
		{"sync", "REMOTE/p", "REMOTE/copy", "--dryrun"},
		{"sync", "REMOTE/p", "REMOTE/copy"},
		{"sync", "REMOTE/p", "REMOTE/copy", "--size-only"},
		{"sync", "cold", "REMOTE/cold"},
		{"sync", "REMOTE/cold", "warm"},
		{"sync", "REMOTE/cold", "REMOTE/coldcopy"},
		{"sync", "REMOTE/cold", "silent", "--ignore-glacier-warnings"},
		{"sync", "REMOTE/cold", "warm2", "--only-show-errors"},
		{"sync", "tree", "REMOTE/p", "--quiet"},
		{"cp", "one.csv", "REMOTE/one/"},
		{"cp", "one.csv", "REMOTE/one/other.csv", "--dryrun"},
		{"cp", "one.csv", "REMOTE/one/other.csv", "--no-guess-mime-type"},
		{"cp", "one.csv", "REMOTE/one/no.csv", "--exclude", "*"},
		{"cp", "REMOTE/one/other.csv", "."},
		{"cp", "REMOTE/one/other.csv", "new/dir/"},
		{"cp", "REMOTE/one/other.csv", "renamed"},
		{"cp", "REMOTE/one/other.csv", "REMOTE/two/"},
		{"cp", "REMOTE/one/other.csv", "REMOTE/two/x.csv", "--metadata", "new=1", "--content-type", "text/new"},
		{"cp", "REMOTE/cold/b", "cold.b"},
		{"cp", "tree", "REMOTE/r", "--recursive"},
		{"cp", "tree", "REMOTE/r", "--recursive"},
		{"cp", "REMOTE/r", "down", "--recursive", "--exclude", "dir/*"},
		{"cp", "REMOTE/r", "REMOTE/r2", "--recursive"},
		{"cp", "big.bin", "REMOTE/big.bin"},
		{"cp", "REMOTE/big.bin", "REMOTE/big2.bin"},
		{"cp", "-", "REMOTE/stream.txt"},
		{"cp", "REMOTE/stream.txt", "-"},
		{"cp", "REMOTE/big.bin", "-", "--quiet"},
		{"sync", "REMOTE/r", "back", "--delete", "--dryrun"},
		{"sync", "REMOTE/r", "back", "--delete"},
		{"sync", "tree/dir", "REMOTE/r", "--delete"},
	} {
		var codes [2]int
		var outs, errs [2][]string
		for i, s := range tools {
			codes[i], outs[i], errs[i] = s.run("from standard input", slices.Clone(c)...)
		}
		if codes[0] != codes[1] || !slices.Equal(outs[0], outs[1]) || !slices.Equal(warnings(errs[0]), warnings(errs[1])) {
			t.Errorf("%q:\nAWS CLI: %d %q %q\nferry:   %d %q %q", c, codes[0], clip(outs[0]), errs[0], codes[1], clip(outs[1]), errs[1])
		}
	}
	want, got := files(t, tools[0].dir), files(t, tools[1].dir)
	if !slices.Equal(want, got) {
		t.Errorf("local files:\nAWS CLI: %q\nferry:   %q", want, got)
	}
	want, got = files(t, filepath.Join(srv.Dir, "aws")), files(t, filepath.Join(srv.Dir, "ferry"))
	if !slices.Equal(want, got) {
		t.Errorf("objects:\nAWS CLI: %q\nferry:   %q", want, got)
	}
	for _, name := range got {
		for _, h := range []string{"Content-Type", "Cache-Control", "X-Amz-Meta-One", "X-Amz-Meta-Two", "X-Amz-Meta-New"} {
			a, b := srv.Head(t, "aws/"+name).Get(h), srv.Head(t, "ferry/"+name).Get(h)
			if name == "big2.bin" && a == "binary/octet-stream" {
				continue // version 1 of the AWS CLI copies this one in parts, and loses what its source says
			}
			if a != b {
				t.Errorf("%s of %s: %q with the AWS CLI, %q with ferry", h, name, a, b)
			}
		}
	}
}

// warnings are the lines of stderr that both tools have: ferry also prints a summary there.
func warnings(lines []string) (all []string) {
	help := regexp.MustCompile(`See .*help for`)
	for _, line := range lines {
		if strings.HasPrefix(line, "warning: ") {
			all = append(all, help.ReplaceAllString(line, "See help for"))
		}
	}
	return all
}

func clip(lines []string) []string {
	all := slices.Clone(lines)
	for i, l := range all {
		all[i] = l[:min(len(l), 200)]
	}
	return all
}

// files are the paths of all files below a directory.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Every option that the AWS CLI's help has is ferry's, or is refused with a reason.
func TestOptionsOfTheAWSCLI(t *testing.T) {
	aws := awsCLI(t)
	page, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "sync.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## The options of the AWS CLI")
	table, _, _ = strings.Cut(table, "\n## ")
	option := regexp.MustCompile(`\[(--[a-z0-9-]+)(?: \| (--[a-z0-9-]+))?`)
	for command, own := range map[string][]syncOption{"sync": syncOptions(stores.All), "cp": cpOptions(stores.All)} {
		known := map[string]bool{"--help": true}
		for _, o := range own {
			known["--"+o.name] = true
		}
		for name := range refusedOptions {
			known[name] = true
		}
		cmd := exec.Command(aws, "s3", command, "help")
		cmd.Env = testenv.Environ("AWS_PAGER=cat", "PAGER=cat", "HOME="+t.TempDir())
		help, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`.\x08`).ReplaceAllString(string(help), "") // bold is overstruck
		found := option.FindAllStringSubmatch(text, -1)
		if len(found) < 40 {
			t.Fatalf("%s: only %d options in %s", command, len(found), text)
		}
		for _, m := range found {
			for _, name := range m[1:] {
				if name != "" && !known[name] {
					t.Errorf("ferry %s does not know %s", command, name)
				}
				if name != "" && !strings.Contains(table, "`"+name+"`") {
					t.Errorf("docs/sync.md says nothing of %s", name)
				}
			}
		}
	}
}

// What both tools ask of S3 for one object: the headers that options make are the same. What the server makes of them does not matter.
func TestHeadersAsTheAWSCLI(t *testing.T) {
	t.Parallel()
	aws := awsCLI(t)
	srv := testenv.S3(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"file.html": "<p>", "key": "0123456789abcdef0123456789abcdef"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(srv.Dir, "there"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	bucket := "s3://" + srv.Bucket + "/"
	for _, c := range [][]string{
		{"cp", "file.html", bucket + "k", "--sse", "--storage-class", "STANDARD_IA", "--acl", "public-read", "--request-payer"},
		{"cp", "file.html", bucket + "k", "--sse", "aws:kms", "--sse-kms-key-id", "k1", "--expires", "2030-01-31T12:00:00Z", "--website-redirect", "/x"},
		{"cp", "file.html", bucket + "k", "--sse-c", "--sse-c-key", "fileb://key", "--metadata", `{"a":"1","b-c":"x y"}`},
		{"cp", "file.html", bucket + "k", "--grants", "read=id=1", "full=uri=http://x,id=2", "--cache-control", "max-age=1", "--content-language", "de", "--content-encoding", "x", "--content-disposition", "inline"},
		{"cp", bucket + "there", bucket + "copy", "--metadata-directive", "REPLACE", "--content-type", "a/b", "--storage-class", "GLACIER_IR"},
		{"cp", bucket + "there", bucket + "copy", "--sse-c", "--sse-c-key", "fileb://key", "--sse-c-copy-source", "--sse-c-copy-source-key", "fileb://key", "--metadata", "a=1"},
		{"cp", bucket + "there", "back", "--sse-c", "AES256", "--sse-c-key", "fileb://key", "--request-payer", "requester"},
	} {
		var seen [2]map[string]string
		for i, tool := range [][]string{{aws, "s3"}, {testenv.FerryBinary(t)}} {
			p := testenv.Proxy(t, srv.Endpoint)
			cmd := exec.Command(tool[0], append(tool[1:], c...)...)
			cmd.Dir = dir
			cmd.Env = testenv.Environ(append(p.Via(srv).Env(), "AWS_EC2_METADATA_DISABLED=true", "HOME="+dir, "AWS_DEFAULT_REGION="+srv.Region, "AWS_MAX_ATTEMPTS=1")...)
			_ = cmd.Run() // the server refuses some of it
			for _, r := range p.Requests() {
				if r.Kind == "PutObject" || r.Kind == "CopyObject" || r.Kind == "GetObject" || r.Kind == "HeadObject" && len(seen[i]) == 0 {
					seen[i] = optionHeaders(r)
				}
			}
		}
		for name := range seen[0] {
			if seen[0][name] != seen[1][name] {
				t.Errorf("%q: %s is %q with the AWS CLI, %q with ferry", c, name, seen[0][name], seen[1][name])
			}
		}
		for name := range seen[1] {
			if _, ok := seen[0][name]; !ok {
				t.Errorf("%q: %s is %q with ferry alone", c, name, seen[1][name])
			}
		}
		if len(seen[0]) == 0 {
			t.Errorf("%q: the AWS CLI asked for nothing", c)
		}
	}
}

// optionHeaders are the headers that options make. Each tool has its own checksums, conditions and times.
func optionHeaders(r testenv.Request) map[string]string {
	all := map[string]string{}
	for name := range r.Header {
		low := strings.ToLower(name)
		own := strings.Contains(low, "checksum") || strings.Contains(low, "sha256") || low == "x-amz-date" || strings.Contains(low, "if-match") || strings.Contains(low, "sdk") || low == "x-amz-trailer" || low == "x-amz-decoded-content-length"
		if !own && (strings.HasPrefix(low, "x-amz-") || low == "cache-control" || low == "expires" || strings.HasPrefix(low, "content-") && low != "content-length" && low != "content-md5") {
			all[name] = r.Header.Get(name)
		}
	}
	return all
}
