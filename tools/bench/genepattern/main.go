package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/rounds"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// limit is how many seconds ferry may add.
const limit = 0.7

func main() {
	tool.Main("bench-genepattern", func(ctx context.Context, _ []string) (int, error) {
		return 0, rounds.AtPlace(ctx, func(p *rounds.Place) error { return bench(ctx, p) })
	})
}

// A way's jobs are numbered by its digit and the round: 10, 11, …
const (
	plainDigit = iota
	imageDigit
	beforeDigit
)

func jobID(digit, round int) string { return fmt.Sprintf("1%d%03d", digit, round) }

func bench(ctx context.Context, p *rounds.Place) error {
	data, err := makeFiles()
	if err != nil {
		return err
	}
	if err := os.Mkdir(p.In("local"), 0o755); err != nil {
		return err
	}
	plain := &rounds.Way{Label: "docker run, local files", Command: func(round int) *exec.Cmd {
		return p.Engine.Docker(ctx, nil, "run", "--rm", "-v", p.In("plain/opt/gp")+":/opt/gp", p.Module,
			"sh", "/opt/gp/jobs/"+jobID(plainDigit, round)+".meta/exec.sh")
	}}
	inImage := func(label, image string, digit int) *rounds.Way {
		return &rounds.Way{Label: label, Command: func(round int) *exec.Cmd {
			return p.Engine.Docker(ctx, p.Bucket.Env(), jobs.InTransferImage(p.Socket, p.In("local"), image,
				[]string{"--env-file", p.In("env." + jobID(digit, round))}, "/usr/local/bin/copyFromS3ThenRun.sh")...)
		}}
	}
	image := inImage("transfer image, S3", p.Transfer, imageDigit)
	ways, digits := []*rounds.Way{plain, image}, []int{imageDigit}
	var before *rounds.Way
	if p.BeforeTransfer != "" {
		before = inImage("before: transfer image, S3", p.BeforeTransfer, beforeDigit)
		ways, digits = append(ways, before), append(digits, beforeDigit)
	}

	err = rounds.Measure(ctx, p.Rounds, ways, func(round int) error {
		if err := lab.RemoveTree(p.In("plain")); err != nil {
			return err
		}
		if err := data.layOut(p.In("plain"), jobID(plainDigit, round), p.URL("plain")); err != nil {
			return err
		}
		for _, digit := range digits {
			id := jobID(digit, round)
			if err := lab.RemoveTree(p.In("server")); err != nil {
				return err
			}
			if err := data.layOut(p.In("server"), id, p.URL(id)); err != nil {
				return err
			}
			if err := p.Put(ctx, p.In("server"), id); err != nil {
				return err
			}
			if err := os.WriteFile(p.In("env."+id), []byte(jobs.ServerEnv(id, p.URL(id), p.Module)), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, digit := range digits {
		if err := checkResults(p, jobID(digit, p.Rounds)); err != nil {
			return err
		}
	}
	if err := rounds.Against(os.Stdout, "transfer image / docker run", image, plain, limit); err != nil {
		return err
	}
	if before != nil {
		if err := rounds.Against(os.Stdout, "transfer image / before", image, before, 0); err != nil {
			return err
		}
	}
	return rounds.Table(os.Stdout, ways)
}

// checkResults makes sure that what it took was what it did: the last job's results are in the store.
func checkResults(p *rounds.Place, id string) error {
	top := p.Bucket.Dir + "/" + id + "/opt/gp/jobs/" + id
	code, err := os.ReadFile(top + ".meta/exit_code.txt")
	if err != nil {
		return err
	}
	sorted, err := os.Stat(top + "/sorted.txt")
	if err != nil {
		return err
	}
	if string(code) != "{ \"exit_code\": 0 }\n" || sorted.Size() == 0 {
		return errors.New("the last job's results are not in the store")
	}
	return nil
}
