// Command run measures what ferry adds to a job: the same exec.sh, on the demo's small input, by `docker run` on local
// files, by `ferry run` with its files in S3 on loopback, by ferry in the transfer image, and in three containers. Images are present, rounds
// interleaved. ROUNDS=9 rounds; the first of each is not counted. BEFORE=PATH measures an older ferry binary as well.
// `make bench-run` runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/jobs"
	"github.com/genepattern/ferry/tools/internal/rounds"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// limit is how many seconds ferry may add.
const limit = 0.6

// limitThree is how many seconds ferry may add to three containers.
const limitThree = 0.3

// three runs three containers, one after the other.
func three(ctx context.Context, p *rounds.Place, env []string, runs [][]string) *exec.Cmd {
	var script []string
	args := []string{"-c", "", "sh"}
	for _, r := range runs {
		from := len(args) - 2
		args = append(args, r...)
		words := make([]string, len(r))
		for i := range r {
			words[i] = fmt.Sprintf(`"${%d}"`, from+i)
		}
		script = append(script, "docker "+strings.Join(words, " "))
	}
	args[1] = strings.Join(script, " && ")
	return lab.Command(ctx, append(slices.Clone(env), "DOCKER_HOST="+p.Engine.Host), "sh", args...)
}

// plainContainers are the job by hand, on the same networks: a container before, the module's on local files, and one after.
func plainContainers(p *rounds.Place) [][]string {
	other := []string{"run", "--rm", "--network", "host", p.Transfer, "version"}
	return [][]string{other, {"run", "--rm", "-v", p.In("plain/opt/gp") + ":/opt/gp", "-w", jobs.Dir, p.Module, "bash", jobs.MetadataDir + "/exec.sh"}, other}
}

// ferryContainers are the job in three containers of ferry's, as the definition for Compose has them.
func ferryContainers(p *rounds.Place, id string) [][]string {
	volume := p.In("volume-" + id)
	own := func(part string) []string {
		run := append([]string{"run", "--rm", "--network", "host", "-v", volume + ":/local"}, jobs.S3Variables...)
		return append(append(run, p.Transfer, part, "--platform", "compose"), jobs.Flags(p.URL(id), p.Module, "bench-"+id)...)
	}
	module := []string{"run", "--rm", "-v", volume + ":/local", "--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges",
		"--entrypoint", "/local/.ferry/ferry", p.Module, "exec"}
	return [][]string{own("stage-in"), module, own("stage-out")}
}

func main() {
	tool.Main("bench-run", func(ctx context.Context, _ []string) (int, error) {
		return 0, rounds.AtPlace(ctx, func(p *rounds.Place) error { return bench(ctx, p) })
	})
}

func bench(ctx context.Context, p *rounds.Place) error {
	plain := &rounds.Way{Label: "docker run, local files", Command: func(int) *exec.Cmd {
		return p.Engine.Docker(ctx, nil, "run", "--rm", "-v", p.In("plain/opt/gp")+":/opt/gp", "-w", jobs.Dir,
			p.Module, "bash", jobs.MetadataDir+"/exec.sh")
	}}
	ways, kinds := []*rounds.Way{plain}, []string(nil) // a kind is a prefix in the store
	add := func(kind, label string, command func(id string) *exec.Cmd) *rounds.Way {
		kinds = append(kinds, kind)
		ways = append(ways, &rounds.Way{Label: label, Command: func(round int) *exec.Cmd { return command(fmt.Sprintf("%s-%d", kind, round)) }})
		return ways[len(ways)-1]
	}
	binary := func(path string) func(string) *exec.Cmd {
		return func(id string) *exec.Cmd {
			args := append([]string{"run", "--local-prefix", p.In("prefix")}, jobs.Flags(p.URL(id), p.Module, "bench-"+id)...)
			return lab.Command(ctx, append(p.Bucket.Env(), "DOCKER_HOST="+p.Engine.Host), path, args...)
		}
	}
	image := func(name string) func(string) *exec.Cmd {
		return func(id string) *exec.Cmd {
			args := append([]string{"run"}, jobs.Flags(p.URL(id), p.Module, "bench-"+id)...)
			return p.Engine.Docker(ctx, p.Bucket.Env(), jobs.InTransferImage(p.Socket, p.In("prefix"), name, nil, args...)...)
		}
	}
	ferry := add("ferry", "ferry run, S3", binary(p.Ferry))
	inImage := add("image", "transfer image, S3", image(p.Transfer))
	plainThree := &rounds.Way{Label: "three docker run, local files", Command: func(int) *exec.Cmd { return three(ctx, p, nil, plainContainers(p)) }}
	ways = append(ways, plainThree)
	parts := add("three", "three containers, S3", func(id string) *exec.Cmd { return three(ctx, p, p.Bucket.Env(), ferryContainers(p, id)) })
	var ferryBefore, imageBefore *rounds.Way
	if p.BeforeFerry != "" {
		ferryBefore = add("ferry-before", "before: ferry run, S3", binary(p.BeforeFerry))
		imageBefore = add("image-before", "before: transfer image, S3", image(p.BeforeTransfer))
	}

	if err := os.Mkdir(p.In("prefix"), 0o755); err != nil {
		return err
	}
	if err := jobs.LayOut(p.In("job"), jobs.Input()); err != nil {
		return err
	}
	err := rounds.Measure(ctx, p.Rounds, ways, func(round int) error {
		if err := lab.RemoveTree(p.In("plain")); err != nil {
			return err
		}
		if err := jobs.LayOut(p.In("plain"), jobs.Input()); err != nil {
			return err
		}
		for _, kind := range kinds {
			if err := p.Put(ctx, p.In("job"), fmt.Sprintf("%s-%d", kind, round)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := rounds.Against(os.Stdout, "ferry run / docker run", ferry, plain, limit); err != nil {
		return err
	}
	if err := rounds.Against(os.Stdout, "three containers / three docker run", parts, plainThree, limitThree); err != nil {
		return err
	}
	if ferryBefore != nil {
		if err := rounds.Against(os.Stdout, "ferry run / before", ferry, ferryBefore, 0); err != nil {
			return err
		}
		if err := rounds.Against(os.Stdout, "transfer image / before", inImage, imageBefore, 0); err != nil {
			return err
		}
	}
	return rounds.Table(os.Stdout, ways)
}
