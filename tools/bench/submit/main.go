// Command submit measures what `ferry submit` adds: a trivial command on this machine against a plain docker run of the same, and an
// array of small children against xargs -P with docker run. Images are present, rounds interleaved. ROUNDS=9 rounds; the first of each
// is not counted. CHILDREN=1000 children, in ARRAYROUNDS=1 rounds. BEFORE=PATH measures an older ferry binary as well.
// `make bench-submit` runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/rounds"
	"github.com/genepattern/ferry/tools/internal/tool"
)

const (
	// limit is how many seconds ferry may add to one job.
	limit = 0.25
	// ratio is how many times as long an array may take.
	ratio = 1.15
)

func main() {
	tool.Main("bench-submit", func(ctx context.Context, _ []string) (int, error) {
		return 0, rounds.AtPlace(ctx, func(p *rounds.Place) error { return bench(ctx, p) })
	})
}

// number is a whole number of the environment.
func number(name, standard string) (int, error) {
	n, err := strconv.Atoi(tool.Env(name, standard))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, which is no number of them", name, os.Getenv(name))
	}
	return n, nil
}

func bench(ctx context.Context, p *rounds.Place) error {
	children, err := number("CHILDREN", "1000")
	if err != nil {
		return err
	}
	times, err := number("ARRAYROUNDS", "1")
	if err != nil {
		return err
	}
	if err := one(ctx, p); err != nil {
		return err
	}
	return array(ctx, p, children, times)
}

// submit is ferry submit on this machine, in a new directory.
func submit(ctx context.Context, p *rounds.Place, binary, kind string, round int, args ...string) *exec.Cmd {
	dir := p.In(filepath.Join(kind, strconv.Itoa(round)))
	args = append([]string{"submit", "--to", "local", "--wait", "--image", p.Module, "--workdir", dir}, args...)
	return lab.Command(ctx, []string{"DOCKER_HOST=" + p.Engine.Host, "XDG_STATE_HOME=" + p.In("state")}, binary, args...)
}

// each has f add the ways of the ferry binaries there are.
func each(p *rounds.Place, f func(kind, binary string) *rounds.Way) (now *rounds.Way, all []*rounds.Way) {
	now = f("ferry", p.Ferry)
	all = []*rounds.Way{now}
	if p.BeforeFerry != "" {
		all = append(all, f("before", p.BeforeFerry))
	}
	return now, all
}

func one(ctx context.Context, p *rounds.Place) error {
	plain := &rounds.Way{Label: "docker run", Command: func(round int) *exec.Cmd {
		dir := p.In(fmt.Sprintf("plain/%d", round))
		return p.Engine.Docker(ctx, nil, "run", "--rm", "-v", dir+":"+dir, "-w", dir, p.Module, "sh", "-c", "echo made > out.txt")
	}}
	ferry, all := each(p, func(kind, binary string) *rounds.Way {
		return &rounds.Way{Label: kind + " submit --wait", Command: func(round int) *exec.Cmd {
			return submit(ctx, p, binary, kind, round, "--", "sh", "-c", "echo made > out.txt")
		}}
	})
	ways := append([]*rounds.Way{plain}, all...)
	err := rounds.Measure(ctx, p.Rounds, ways, func(round int) error {
		return os.MkdirAll(p.In(fmt.Sprintf("plain/%d", round)), 0o755)
	})
	if err != nil {
		return err
	}
	if err := rounds.Against(os.Stdout, "ferry submit / docker run", ferry, plain, limit); err != nil {
		return err
	}
	return rounds.Table(os.Stdout, ways)
}

func array(ctx context.Context, p *rounds.Place, children, times int) error {
	workers := strconv.Itoa(runtime.NumCPU())
	plain := &rounds.Way{Label: "xargs -P docker run", Command: func(round int) *exec.Cmd {
		dir := p.In(fmt.Sprintf("many/%d", round))
		line := fmt.Sprintf(`seq %d | xargs -P %s -I{} sh -c 'mkdir -p %s/{} && exec docker run --rm -v %s/{}:%s/{} -w %s/{} %s sh -c "echo {} > out.txt"'`,
			children, workers, dir, dir, dir, dir, p.Module)
		return lab.Command(ctx, []string{"DOCKER_HOST=" + p.Engine.Host}, "sh", "-c", line)
	}}
	ferry, all := each(p, func(kind, binary string) *rounds.Way {
		return &rounds.Way{Label: kind + " submit --array", Command: func(round int) *exec.Cmd {
			return submit(ctx, p, binary, "array-"+kind, round, "--array", strconv.Itoa(children), "--", "sh", "-c", "echo {index} > out.txt")
		}}
	})
	ways := append([]*rounds.Way{plain}, all...)
	if err := rounds.Measure(ctx, times, ways, func(int) error { return nil }); err != nil {
		return err
	}
	title := fmt.Sprintf("%d children, %s at once, limit %.2f: ferry submit --array / xargs -P docker run", children, workers, ratio)
	if err := rounds.Against(os.Stdout, title, ferry, plain, 0); err != nil {
		return err
	}
	return rounds.Table(os.Stdout, ways)
}
