package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// pages is how many small files the tasklib has.
const pages = 20

// upload is the job's input.
const upload = jobs.ServerUploads + "/all aml train.gct"

// script is what a short module does: read its input and its code, write some results.
const script = `cat "$2" >/dev/null; sort "$1" >sorted.txt; for i in 1 2 3 4 5; do head -n 50 "$1" >"plot $i.txt"; done; wc -l "$1"` + "\n"

// files are the contents of a job's files.
type files struct{ jar, page, input []byte }

func makeFiles() (files, error) {
	f := files{jar: made(2_600_000), page: made(20_000)}
	if input := tool.Env("INPUT", ""); input != "" {
		var err error
		f.input, err = os.ReadFile(input)
		return f, err
	}
	f.input = made(1_500_000)
	return f, nil
}

// made is so many bytes, in lines of numbers that do not compress much, the same each time.
func made(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%07d\n", r.IntN(10_000_000))
	}
	return b.Bytes()
}

// layOut makes a server's files for one job below top.
func (f files) layOut(top, id, remote string) error {
	write := map[string][]byte{
		jobs.ServerTasklib + "/lib/module.jar": f.jar,
		jobs.ServerTasklib + "/run.sh":         []byte(script),
		upload:                                 f.input,
	}
	for i := range pages {
		write[fmt.Sprintf("%s/page%d.html", jobs.ServerTasklib, i+1)] = f.page
	}
	for name, data := range write {
		if err := os.MkdirAll(filepath.Dir(top+name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(top+name, data, 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(top+"/opt/gp/jobs/"+id, 0o755); err != nil {
		return err
	}
	command := "sh " + jobs.ServerTasklib + "/run.sh \"" + upload + "\" " + jobs.ServerTasklib + "/lib/module.jar"
	if err := jobs.ServerExec(top, id, command); err != nil {
		return err
	}
	return jobs.ServerSync(top, id, remote, upload, jobs.ServerTasklib)
}
