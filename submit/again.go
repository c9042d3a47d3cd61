package submit

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/submit/handle"
)

// A Repeat is what --again asks for.
type Repeat struct {
	// Ref is a handle or a short id.
	Ref string
	// OnlyFailed leaves out the children of an array that succeeded.
	OnlyFailed bool
	// Settings replace those of the job, by name.
	Settings job.Settings
	Describe func(job.Settings) (job.Job, error)
	// Memory, unless 0, is the new limit, in bytes: the job had too little. Children are those of an array that had; nil for a job that is
	// none.
	Memory   int64
	Children []int
}

// Again runs a job that was submitted before once more, in the same place. What has changed in its directories is sent, on the machine
// that submitted it. Of a job that this user did not submit here, nothing is sent. The error has a cause.
func (c *Client) Again(ctx context.Context, r Repeat) (Status, error) {
	s, err := c.find(ctx, r.Ref)
	if err != nil {
		return Status{}, err
	}
	if !s.known && s.file.Target == "local" {
		return Status{}, cause.Fail(cause.Refused, "read its "+handle.FileName+", and submit a job of your own", "the job at %s was not submitted on this machine by you, and would run here", s.place.url)
	}
	if err := s.mustHaveEnded(ctx); err != nil {
		return Status{}, err
	}
	p, err := c.repeat(ctx, s, r)
	if err != nil {
		return Status{}, err
	}
	now, release, err := c.claim(ctx, s.place, p.file.Name)
	if err != nil {
		return Status{}, err
	}
	defer release()
	if now == nil || now.Name != s.file.Name { // since it was looked at
		return Status{}, cause.Fail(cause.Usage, "ferry status "+s.place.url, "somebody else has run the job %s again just now", handle.ShortID(s.file.Name))
	}
	sched, err := c.Scheduler(p.file.Target, p.file.Scheduler)
	if err != nil {
		return Status{}, err
	}
	if err := p.load(ctx, s.place); err != nil {
		return Status{}, err
	}
	return p.hand(ctx, sched, &submission{c: c, place: s.place, file: p.file})
}

// repeat is the parcel of a job that is in its place already.
func (c *Client) repeat(ctx context.Context, s *submission, r Repeat) (*parcel, error) {
	f := *s.file
	f.Name, f.Again, f.Task, f.Cancelled, f.From = NewName(), s.file.Name, "", nil, c.Origin
	f.Options = map[string][]string{}
	for name, v := range s.file.Options {
		f.Options[name] = slices.Clone(v)
	}
	for name, v := range r.Settings {
		if slices.Contains([]string{"remote", "workdir", "metadata-dir", "in-place"}, name) {
			return nil, cause.Fail(cause.Usage, "without --again it is another job", "%s: a job is run again where it is", v.From)
		}
		f.Options[name] = v.Values
	}
	if r.Memory > 0 {
		f.Options["memory"] = []string{FlagSize(r.Memory)}
		f.Tries++
	}
	switch {
	case f.Array != nil:
		a := *f.Array
		a.Only, a.Rest, a.Failed = nil, nil, nil
		if f.Array = &a; !r.OnlyFailed && r.Children == nil {
			break
		}
		st, err := s.status(ctx)
		if err != nil {
			return nil, err
		}
		if len(st.Failed) == 0 {
			return nil, cause.Fail(cause.Usage, "", "no child of %s has failed", st.ID)
		}
		a.Only, a.Rest = st.Failed, rest(st, a.Count)
		if r.Children != nil {
			a.Only = r.Children
			a.Failed = slices.DeleteFunc(slices.Clone(st.Failed), func(i int) bool { return slices.Contains(r.Children, i) })
		}
	case r.OnlyFailed:
		return nil, cause.Fail(cause.Usage, "", "--only failed is for arrays, and %s is none", handle.ShortID(s.file.Name))
	}
	index := -1
	if f.Array != nil {
		index = f.Children()[0]
	}
	settings, err := f.Settings(index)
	if err != nil {
		return nil, err
	}
	p := &parcel{c: c, file: &f, meta: metadataOf(&f), theirs: !s.known, there: !s.known || s.file.From.Host != c.Origin.Host}
	p.work = strings.TrimSuffix(last(f.Options["workdir"]), "/{index}")
	p.job, err = r.Describe(settings)
	return p, err
}

// rest counts the children of an ended array that did not fail. The scheduler's word counts those that were cancelled as failed, too.
func rest(st Status, count int) map[string]int {
	all := map[string]int{}
	if n := st.Children[Done]; n > 0 {
		all[string(Done)] = n
	}
	if n := count - len(st.Failed) - st.Children[Done]; n > 0 {
		all[string(Cancelled)] = n
	}
	return all
}

// metadataOf is the path of the metadata dir, of the whole array.
func metadataOf(f *handle.File) string {
	meta := last(f.Options["metadata-dir"])
	if f.Array != nil {
		return path.Join(strings.TrimSuffix(meta, childPlaceholder), metadataName)
	}
	return meta
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}
