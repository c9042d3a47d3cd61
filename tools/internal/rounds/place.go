package rounds

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/tools/internal/tool"
)

// A Place is where jobs are measured: a directory, an engine, images, and a bucket. What is of an older ferry is "" where
// there is none to compare with.
type Place struct {
	Work   string
	Engine *lab.Engine
	Socket string // the engine's
	Module string // the module's image
	Bucket *lab.Server
	Rounds int

	Ferry, Transfer             string // this tree's binary, and its image
	BeforeFerry, BeforeTransfer string // the same of the older binary that BEFORE names
}

// beforeImage is the transfer image of the older binary: this process's own, which removes it.
var beforeImage = fmt.Sprintf("ferry-bench/before:%d", os.Getpid())

// AtPlace makes a place, has f measure there, and removes it. The environment says how many ROUNDS, 9 unless it does; IMAGE is
// the transfer image's name; and BEFORE is an older ferry binary to measure as well.
func AtPlace(ctx context.Context, f func(*Place) error) error {
	rounds, err := strconv.Atoi(tool.Env("ROUNDS", "9"))
	if err != nil || rounds < 1 {
		return fmt.Errorf("ROUNDS is %q, which is no number of rounds", os.Getenv("ROUNDS"))
	}
	p := &Place{Rounds: rounds, Transfer: tool.Env("IMAGE", "ferry:dev")}
	if p.Engine, err = lab.StartEngine(ctx, os.Stderr); err != nil {
		return err
	}
	if p.Socket, err = p.Engine.Socket(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "building")
	if err := p.build(ctx); err != nil {
		return err
	}
	if p.BeforeTransfer != "" {
		defer func() { _ = p.Engine.Docker(context.WithoutCancel(ctx), nil, "image", "rm", p.BeforeTransfer).Run() }()
	}
	s3, err := lab.StartS3(lab.S3Options{})
	if err != nil {
		return err
	}
	defer s3.Stop()
	if p.Bucket, err = s3.Bucket("ferry-bench"); err != nil {
		return err
	}
	return tool.InTemp(func(work string) error {
		p.Work = work
		return f(p)
	})
}

func (p *Place) build(ctx context.Context) (err error) {
	if p.Ferry, err = tool.Build(ctx); err != nil {
		return err
	}
	if err := lab.BuildTransferImage(ctx, p.Transfer, p.Ferry, p.Engine.Host); err != nil {
		return err
	}
	if before := os.Getenv("BEFORE"); before != "" {
		if p.BeforeFerry, err = filepath.Abs(before); err != nil {
			return err
		}
		if err := lab.BuildTransferImage(ctx, beforeImage, p.BeforeFerry, p.Engine.Host); err != nil {
			return err
		}
		p.BeforeTransfer = beforeImage
	}
	p.Module, err = p.Engine.DemoModule(ctx, os.Stderr)
	return err
}

// In is a path in the place's directory.
func (p *Place) In(name string) string { return filepath.Join(p.Work, name) }

// Put brings a directory into the bucket.
func (p *Place) Put(ctx context.Context, dir, prefix string) error {
	_, err := lab.Output(lab.Command(ctx, p.Bucket.Env(), p.Ferry, "sync", dir, p.URL(prefix)))
	return err
}

// URL is a prefix of the bucket.
func (p *Place) URL(prefix string) string { return "s3://" + p.Bucket.Bucket + "/" + prefix }
