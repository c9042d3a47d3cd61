package submit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/internal/subpath"
	"github.com/genepattern/ferry/job"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/sync/store"
)

// A Fetch says what is fetched.
type Fetch struct {
	Ref string
	// Dir gets the working dir, and each further output as the directory OUTPUTS/PATH in it; "" for the paths of the job itself.
	Dir string
	// OnlyFailed fetches only the children that failed.
	OnlyFailed bool
	// Describe makes the job of settings.
	Describe func(job.Settings) (job.Job, error)

	inPlace     bool
	outputsOnly bool // the working dirs are fetched
}

// A Fetched says where the results are.
type Fetched struct {
	Dir   string `json:"dir"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
	// Unchanged files are there already.
	Unchanged int64 `json:"unchanged"`
}

// outputsName is the folder of outputs besides the working dir, where they are not fetched to their own paths.
const outputsName = "outputs"

// Fetch brings the results to this machine. A job in place has them here already. The error has a cause.
func (c *Client) Fetch(ctx context.Context, f Fetch) (Fetched, error) {
	s, err := c.find(ctx, f.Ref)
	if err != nil {
		return Fetched{}, err
	}
	f.inPlace = last(s.file.Options["in-place"]) == "true"
	if !s.known && f.Dir == "" {
		return Fetched{}, cause.Fail(cause.Usage, "give a directory: ferry fetch HANDLE DIR", "the job at %s was not submitted on this machine by you, and may name any directory of yours", s.place.url)
	}
	children := []int{-1}
	if s.file.Array != nil {
		children = s.file.All()
	}
	if f.OnlyFailed {
		st, err := s.status(ctx)
		if err != nil {
			return Fetched{}, err
		}
		children = st.Failed
	}
	var got Fetched
	if s.file.Array != nil && !f.OnlyFailed { // all of them by one listing
		if err := c.fetchArray(ctx, f, s, &got); err != nil {
			return got, err
		}
		f.outputsOnly = true
	}
	for _, i := range children {
		settings, err := s.file.Settings(i)
		if err != nil {
			return got, err
		}
		j, err := f.Describe(settings)
		if err != nil {
			return got, err
		}
		if err := s.mayFetch(f, &j, i); err != nil {
			return got, err
		}
		if err := c.fetchOne(ctx, f, j, i, &got); err != nil {
			return got, err
		}
	}
	return got, nil
}

// mayFetch refuses a job of somebody else's that says it is where it is not: its results would be files of another place that this
// user, and perhaps not the other, may read.
func (s *submission) mayFetch(f Fetch, j *job.Job, index int) error {
	here := s.place
	if index >= 0 {
		here = s.child(index)
	}
	says := "file://" + j.Dirs.Metadata
	if !f.inPlace {
		says = j.URL(j.Dirs.Metadata)
	}
	ok := s.known || says == here.url
	if !s.known && f.inPlace {
		for _, r := range j.Results() {
			ok = ok && subpath.Within(j.Dirs.Work, r.Path)
		}
		ok = ok && subpath.Within(j.Dirs.Work, j.Dirs.Metadata)
	}
	if !ok {
		return cause.Fail(cause.Refused, "", "the job at %s says that its results are in another place", here.url)
	}
	return nil
}

// fetchArray fetches the working dirs of all children.
func (c *Client) fetchArray(ctx context.Context, f Fetch, s *submission, got *Fetched) error {
	work := path.Dir(metadataOf(s.file))
	if got.Dir = work; f.Dir != "" {
		got.Dir = f.Dir
	}
	if f.inPlace && got.Dir == work {
		return nil
	}
	return c.fetchDir(ctx, s.work.url, got.Dir, got)
}

// fetchOne fetches one run's results.
func (c *Client) fetchOne(ctx context.Context, f Fetch, j job.Job, index int, got *Fetched) error {
	inPlace := f.inPlace
	for _, r := range j.Results() {
		if f.outputsOnly && subpath.Within(j.Dirs.Work, r.Path) {
			continue
		}
		if r.Path != j.Dirs.Work && subpath.Within(j.Dirs.Work, r.Path) {
			continue // it comes with the working dir
		}
		to := r.Path
		if f.Dir != "" {
			to = f.Dir
			if index >= 0 {
				to = filepath.Join(to, strconv.Itoa(index))
			}
			if r.Path != j.Dirs.Work {
				to = filepath.Join(to, outputsName, r.Path)
			}
		}
		if r.Path == j.Dirs.Work && got.Dir == "" {
			got.Dir = to
			if index >= 0 {
				got.Dir = path.Dir(to)
			}
		}
		if inPlace && to == r.Path {
			continue
		}
		url := r.URL
		if inPlace {
			url = "file://" + r.Path
		}
		if err := c.fetchDir(ctx, url, to, got); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) fetchDir(ctx context.Context, url, to string, got *Fetched) error {
	p, err := c.at(ctx, url)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return cause.Name(ctx, cause.Usage, "", fmt.Errorf("fetching to %s: %w", to, err))
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return cause.Name(ctx, cause.Usage, "", err)
	}
	defer root.Close()
	stats, err := c.Transfer.Down(ctx, p.store, p.prefix, root, ferrysync.Options{Preserve: true, Progress: c.Progress, Event: c.refusals})
	got.Files += stats.Files
	got.Bytes += stats.Bytes
	got.Unchanged += stats.Skipped
	if errors.Is(err, store.ErrNotExist) {
		err = nil // nothing is there yet
	}
	return cause.Name(ctx, cause.StageIn, "", err)
}
