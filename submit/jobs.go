package submit

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/submit/handle"
)

// Jobs tells of the jobs that were submitted on this machine, the latest first, or of those below a remote root, by their handles.
// most is how many; 0 for all. A job that cannot be asked about has the state "" and a message. The error has a cause.
func (c *Client) Jobs(ctx context.Context, remote string, most int) ([]Status, error) {
	entries := c.Book.List()
	if remote != "" {
		var err error
		if entries, err = c.below(ctx, remote); err != nil {
			return nil, err
		}
	}
	if most > 0 && len(entries) > most {
		entries = entries[:most]
	}
	all := make([]Status, len(entries))
	var wg sync.WaitGroup
	slots := make(chan struct{}, readers)
	for i, e := range entries {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			st, err := c.Status(ctx, e.Handle)
			if err != nil {
				st = Status{Subject: Subject{Handle: e.Handle, ID: e.ID, Target: e.Target}, Times: Times{Submitted: e.Time}, Outcome: Outcome{Message: err.Error()}}
			}
			all[i] = st
		})
	}
	wg.Wait()
	return all, nil
}

// below finds the job.json files below a remote root, by one listing.
func (c *Client) below(ctx context.Context, remote string) ([]handle.Entry, error) {
	p, err := c.at(ctx, strings.TrimRight(remote, "/"))
	if err != nil {
		return nil, err
	}
	prefix := p.prefix
	if prefix != "" {
		prefix += "/"
	}
	var all []handle.Entry
	for o, err := range p.store.List(ctx, prefix) {
		if err != nil {
			return nil, cause.Name(ctx, cause.StageIn, "", fmt.Errorf("listing %s: %w", remote, err))
		}
		if dir, ok := strings.CutSuffix(o.Key, "/"+handle.FileName); ok {
			all = append(all, handle.Entry{Handle: p.url + "/" + strings.TrimPrefix(dir, prefix), Time: o.ModTime})
		}
	}
	return all, nil
}
