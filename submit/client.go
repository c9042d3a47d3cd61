package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit/handle"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// An Opener gives the store that a URL names, and the key prefix in it. It sends nothing, and is safe for concurrent use.
type Opener func(ctx context.Context, url string) (store.Store, string, error)

// A Client submits jobs and asks about them. Its methods are safe for concurrent use.
type Client struct {
	Open     Opener
	Transfer *ferrysync.Engine
	// Scheduler makes the scheduler of a target, with the options that only it knows. It sends nothing.
	Scheduler func(target string, settings map[string][]string) (scheduler.Scheduler, error)
	Book      handle.Book
	Origin    handle.Origin // of what this machine submits; its time is not used
	// Progress is kept up to date while directories are sent or fetched; nil for nobody who looks.
	Progress *ferrysync.Progress
	// Warn is told what the user should know and what stops nothing. It is never nil.
	Warn func(format string, args ...any)
}

// A place is a directory of a store.
type place struct {
	url    string
	store  store.Store
	prefix string
}

func (c *Client) at(ctx context.Context, url string) (place, error) {
	st, prefix, err := c.Open(ctx, url)
	return place{url, st, prefix}, err
}

func (p place) key(name string) string {
	if p.prefix == "" {
		return name
	}
	return p.prefix + "/" + name
}

// fileMax bounds job.json and a record, which may have a thousand warnings and ten thousand rows. What they become in memory is several
// times as much.
const fileMax = 16 << 20

// read gives the content of a small file. store.ErrNotExist where there is none.
func (p place) read(ctx context.Context, name string) ([]byte, error) {
	r, err := p.store.Open(ctx, p.key(name), store.OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, fileMax+1))
	if err == nil && len(data) > fileMax {
		err = fmt.Errorf("%s/%s has more than %d bytes", p.url, name, fileMax)
	}
	return data, err
}

func (p place) write(ctx context.Context, name string, data []byte) error {
	_, err := p.store.Put(ctx, p.key(name), store.Body{Bytes: data}, store.PutOptions{})
	return err
}

// below is a directory or a file below the place.
func (p place) below(name string) place {
	return place{url: p.url + "/" + name, store: p.store, prefix: p.key(name)}
}

// parent is the URL of the directory that the one with this URL is in.
func parent(url string) string { return url[:strings.LastIndex(url, "/")] }

// A submission is a job that was found by its handle.
type submission struct {
	c     *Client
	entry handle.Entry
	place place // the metadata dir
	work  place // the working dir of an array, in which its children have theirs
	file  *handle.File
	// known says that the handle is of a job that was submitted on this machine, by this user. Another's job.json may say anything.
	known bool
}

// find reads the job.json that a reference leads to: a handle, or a short id of this machine. The error has a cause.
func (c *Client) find(ctx context.Context, ref string) (*submission, error) {
	e, err := c.Book.Find(ref)
	if err != nil {
		return nil, err
	}
	known := e.Target != "" && !e.Foreign // without a target it is in no book
	p, err := c.at(ctx, e.Handle)
	if err != nil {
		return nil, err
	}
	f, err := p.file(ctx)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil, cause.Fail(cause.Usage, "a handle is the URL of a job's metadata dir; ferry jobs lists those of this machine", "there is no %s at %s", handle.FileName, e.Handle)
	case err != nil:
		return nil, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("reading %s/%s: %w", e.Handle, handle.FileName, err))
	}
	e.ID = handle.ShortID(f.Name)
	s := &submission{c: c, entry: e, place: p, file: f, known: known}
	if f.Array != nil {
		s.work, err = c.at(ctx, parent(e.Handle))
	}
	return s, err
}

// file reads the job.json of a metadata dir. store.ErrNotExist where there is none.
func (p place) file(ctx context.Context) (*handle.File, error) {
	data, err := p.read(ctx, handle.FileName)
	if err != nil {
		return nil, err
	}
	return handle.Parse(data)
}

// scheduler is the one that has the job. It is an error on another machine than that which runs a local job.
func (s *submission) scheduler() (scheduler.Scheduler, error) {
	f := s.file
	if f.Target == "local" && f.From.Host != s.c.Origin.Host {
		return nil, fmt.Errorf("the job runs on the machine %s, which alone can be asked about it", f.From.Host)
	}
	return s.c.Scheduler(f.Target, f.Scheduler)
}

// task is the scheduler's id of a job. Where its answer was lost when the job was submitted, the scheduler is asked.
func task(ctx context.Context, s scheduler.Scheduler, f *handle.File) (string, error) {
	if f.Task != "" {
		return f.Task, nil
	}
	return s.Find(ctx, f.Name)
}

// ReadFile reads the job.json of a handle. The error has a cause.
func ReadFile(ctx context.Context, open Opener, url string) (*handle.File, error) {
	c := &Client{Open: open}
	s, err := c.find(ctx, url)
	if err != nil {
		return nil, err
	}
	return s.file, nil
}
