package submit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/procid"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
)

// claimLife is how long a claim counts whose writer cannot be asked about: that is on another machine, and has died, or sends for
// longer than that; see claim.
const claimLife = time.Hour

// A claimant is who writes a claim, and its content.
type claimant struct {
	Name string    `json:"name"` // of the submission
	User string    `json:"user,omitempty"`
	By   procid.ID `json:"by"`
}

// claim makes this submission the only one that goes on in a metadata dir: it writes a claim, and then looks who else has one. Of two
// who claim at the same time the later sees the earlier's, since both wrote before they looked; so at most one goes on, and sometimes
// none. It gives the job.json that is there, nil for none, and a function that removes the claim. The times that are compared are
// the store's own.
func (c *Client) claim(ctx context.Context, p place, name string) (old *handle.File, release func(), err error) {
	mine := claimOf(name)
	content, err := json.Marshal(claimant{Name: name, User: c.Origin.User, By: procid.Me()})
	if err != nil {
		return nil, nil, err
	}
	drop := func() { _ = p.store.Delete(context.WithoutCancel(ctx), []string{p.key(mine)}) }
	defer func() {
		if err != nil {
			drop() // of a write that failed, too: its answer may have been lost
		}
	}()
	if err := p.write(ctx, mine, append(content, '\n')); err != nil {
		return nil, nil, cause.Name(ctx, cause.StageOut, "", fmt.Errorf("writing to %s: %w", p.url, err))
	}
	var there []store.Object
	for o, err := range p.store.List(ctx, p.key(handle.FileName)) {
		if err != nil {
			return nil, nil, cause.Name(ctx, cause.StageOut, "", fmt.Errorf("listing %s: %w", p.url, err))
		}
		there = append(there, o)
	}
	for _, other := range otherClaims(there, p.key(mine)) {
		if err := p.yield(ctx, other); err != nil {
			return nil, nil, err
		}
	}
	old, err = p.file(ctx)
	if errors.Is(err, store.ErrNotExist) {
		err = nil
	}
	return old, drop, cause.Name(ctx, cause.StageIn, "", err)
}

// yield is an error where somebody else's claim counts. One whose writer was a process of this machine that is dead is removed.
func (p place) yield(ctx context.Context, other string) error {
	var who claimant
	data, err := p.read(ctx, strings.TrimPrefix(other, p.key("")))
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil // done meanwhile
	case err == nil && json.Unmarshal(data, &who) == nil && who.By.Dead(procid.Me()):
		return p.remove(ctx, []string{other})
	}
	name := "somebody else"
	if who.User != "" && who.By.Host != "" {
		name = fmt.Sprintf("%s on %s", who.User, who.By.Host)
	}
	return cause.Fail(cause.Usage, "another --workdir runs another job; where nobody is at it any more, remove that file, which counts for an hour",
		"%s is submitting a job here: %s", name, p.store.URL(other))
}

func claimOf(name string) string { return handle.FileName + "." + name }

// otherClaims are the keys of claims that are not mine. One that is much older than mine is a dead one's.
func otherClaims(there []store.Object, mine string) (others []string) {
	var now time.Time
	for _, o := range there {
		if o.Key == mine {
			now = o.ModTime
		}
	}
	for _, o := range there {
		_, name, _ := strings.Cut(o.Key, handle.FileName+".")
		if strings.HasPrefix(name, handle.NamePrefix) && o.Key != mine && now.Sub(o.ModTime) < claimLife {
			others = append(others, o.Key)
		}
	}
	return others
}
