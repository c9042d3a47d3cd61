package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	ferrysync "github.com/genepattern/ferry/sync"
)

// A progress is what a transfer has done, and what there is to do, since it began.
type progress struct {
	of    *ferrysync.Progress
	begun time.Time
	// What others had planned and done before it.
	planned, plannedBytes, done, doneBytes int64
}

// since is the progress from now on.
func since(p *ferrysync.Progress) progress {
	return progress{of: p, begun: time.Now(), planned: p.Files.Load(), plannedBytes: p.Bytes.Load(), done: p.DoneFiles.Load(), doneBytes: p.DoneBytes.Load()}
}

func (p progress) files() int64     { return p.of.Files.Load() - p.planned }
func (p progress) bytes() int64     { return p.of.Bytes.Load() - p.plannedBytes }
func (p progress) doneFiles() int64 { return p.of.DoneFiles.Load() - p.done }
func (p progress) moved() int64     { return p.of.DoneBytes.Load() - p.doneBytes }

func (p progress) rate() string {
	return fmt.Sprintf("%.1f MiB/s", float64(p.moved())/(1<<20)/max(time.Since(p.begun).Seconds(), 0.001))
}

// left is the time that what is planned will still take, going on as so far. Small files take time by their number, large
// ones by their size; what is further behind counts.
func (p progress) left() string {
	part := func(done, all int64) float64 { return float64(done) / float64(max(all, 1)) }
	share := min(part(p.doneFiles(), p.files()), part(p.moved(), p.bytes()))
	if share <= 0 || share >= 1 || !p.of.Complete.Load() {
		return ""
	}
	took := time.Since(p.begun).Seconds()
	return ", " + time.Duration((took/share-took)*float64(time.Second)).Round(time.Second).String() + " left"
}

// A bar shows a progress on a terminal. What is written to bars appears above it.
type bar struct {
	progress
	bars *mpb.Progress
	bar  *mpb.Bar
}

func newBar(terminal io.Writer, p progress) *bar {
	b := &bar{progress: p, bars: mpb.New(mpb.WithOutput(terminal), mpb.WithWidth(40), mpb.WithRefreshRate(redraw))}
	files := decor.Any(func(decor.Statistics) string { return fmt.Sprintf("%d/%d files ", p.doneFiles(), p.files()) })
	b.bar = b.bars.AddBar(0,
		mpb.PrependDecorators(files),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f "), decor.Any(func(decor.Statistics) string { return p.rate() + p.left() })),
		mpb.BarRemoveOnComplete())
	return b
}

// move brings the bar up to date.
func (b *bar) move() {
	b.bar.SetTotal(max(b.bytes(), 1), false)
	b.bar.SetCurrent(b.moved())
}

// end removes the bar.
func (b *bar) end() {
	b.bar.Abort(true)
	b.bars.Wait()
}
