package submit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
)

// claimLife is how long a claim counts. Whoever holds one for longer has died, or sends for longer than that; see claim.
const claimLife = time.Hour

// claim makes this submission the only one that goes on in a metadata dir: it writes a claim, and then looks who else has one. Of two
// who claim at the same time the later sees the earlier's, since both wrote before they looked; so at most one goes on, and sometimes
// none. It gives the job.json that is there, nil for none, and a function that removes the claim. The times that are compared are
// the store's own.
func (c *Client) claim(ctx context.Context, p place, name string) (old *handle.File, release func(), err error) {
	mine := claimOf(name)
	if err := p.write(ctx, mine, []byte(name+"\n")); err != nil {
		return nil, nil, cause.Name(ctx, cause.StageOut, "", fmt.Errorf("writing to %s: %w", p.url, err))
	}
	drop := func() { _ = p.store.Delete(context.WithoutCancel(ctx), []string{p.key(mine)}) }
	defer func() {
		if err != nil {
			drop()
		}
	}()
	var there []store.Object
	for o, err := range p.store.List(ctx, p.key(handle.FileName)) {
		if err != nil {
			return nil, nil, cause.Name(ctx, cause.StageOut, "", fmt.Errorf("listing %s: %w", p.url, err))
		}
		there = append(there, o)
	}
	if other := otherClaim(there, p.key(mine)); other != "" {
		return nil, nil, cause.Fail(cause.Usage, "another --workdir runs another job; ferry status tells of that one",
			"somebody else is submitting a job here: %s", p.store.URL(other))
	}
	old, err = p.file(ctx)
	if errors.Is(err, store.ErrNotExist) {
		err = nil
	}
	return old, drop, cause.Name(ctx, cause.StageIn, "", err)
}

func claimOf(name string) string { return handle.FileName + "." + name }

// otherClaim is the key of a claim that is not mine; "" where there is none. One that is much older than mine is a dead one's.
func otherClaim(there []store.Object, mine string) string {
	var now time.Time
	for _, o := range there {
		if o.Key == mine {
			now = o.ModTime
		}
	}
	for _, o := range there {
		_, name, _ := strings.Cut(o.Key, handle.FileName+".")
		if strings.HasPrefix(name, handle.NamePrefix) && o.Key != mine && now.Sub(o.ModTime) < claimLife {
			return o.Key
		}
	}
	return ""
}
