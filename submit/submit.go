package submit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/scheduler"
	"github.com/genepattern/ferry/submit/handle"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/record"
)

// Submit takes an order to its scheduler:
//
//  1. understand it; nothing is touched before
//  2. claim the metadata dir, so that of two who submit there at most one goes on
//  3. send the directories, and remove what an earlier run left of its outcome
//  4. write exec.sh and job.json, which has no id of the scheduler yet
//  5. hand the task over; where the answer is lost, ask whether it arrived
//  6. write job.json with the id
//
// What fails before 5 leaves no job. The error has a cause.
func (c *Client) Submit(ctx context.Context, o Order) (Status, error) {
	p, err := c.understand(o, NewName())
	if err != nil {
		return Status{}, err
	}
	sched, err := c.Scheduler(o.Target, o.Scheduler)
	if err != nil {
		return Status{}, err
	}
	to, err := c.at(ctx, p.handle())
	if err != nil {
		return Status{}, err
	}
	old, release, err := c.claim(ctx, to, p.file.Name)
	if err != nil {
		return Status{}, err
	}
	defer release()
	s := &submission{c: c, place: to, file: p.file}
	switch adopted, err := c.earlier(ctx, sched, old, o.Target); {
	case err != nil:
		return Status{}, err
	case adopted:
		c.Warn("it was submitted before, and the answer was lost: this is that job")
		return (&parcel{c: c, file: old, job: p.job}).record(ctx, &submission{c: c, place: to, file: old}, old.Task), nil
	}
	if err := p.load(ctx, to); err != nil {
		return Status{}, err
	}
	return p.hand(ctx, sched, s)
}

// handle is the URL of the metadata dir.
func (p *parcel) handle() string {
	if p.inPlace() {
		return "file://" + p.meta
	}
	return p.job.URL(p.meta)
}

func (p *parcel) inPlace() bool {
	v := p.file.Options["in-place"]
	return len(v) > 0 && v[len(v)-1] == "true"
}

// earlier says what an earlier submission in the same place means for this one. adopted is true where this is that one.
func (c *Client) earlier(ctx context.Context, sched scheduler.Scheduler, old *handle.File, target string) (adopted bool, err error) {
	if old == nil {
		return false, nil
	}
	if old.Task == "" && old.Target == target {
		switch id, err := sched.Find(ctx, old.Name); {
		case errors.Is(err, scheduler.ErrUnknown):
			return false, nil // it never arrived
		case err != nil:
			return false, cause.Name(ctx, cause.Engine, "", fmt.Errorf("asking whether %s was submitted: %w", old.Name, err))
		default:
			old.Task = id
			return true, nil
		}
	}
	id := handle.ShortID(old.Name)
	return false, cause.Fail(cause.Usage, "ferry submit --again "+id+" runs it once more; another --workdir runs another job",
		"there is a job already: %s, submitted %s by %s on %s", id, old.From.Time.Format(time.DateTime), old.From.User, old.From.Host)
}

// mustHaveEnded refuses to run again what still runs: two runs would write the same results.
func (s *submission) mustHaveEnded(ctx context.Context) (err error) {
	if s.file.Array != nil {
		if s.work, err = s.c.at(ctx, parent(s.place.url)); err != nil {
			return err
		}
	}
	st, err := s.status(ctx)
	if err != nil || st.State.Ended() {
		return err
	}
	return cause.Fail(cause.Usage, "ferry cancel "+st.ID+" ends it", "the job %s has not ended: it is %s", st.ID, st.State)
}

// load brings all that the job needs into the store: steps 3 and 4.
func (p *parcel) load(ctx context.Context, to place) error {
	if err := os.MkdirAll(p.work, 0o777); p.made && err != nil {
		return cause.Name(ctx, cause.Usage, "", fmt.Errorf("making the working dir: %w", err))
	}
	if !p.inPlace() && !p.there {
		if err := p.send(ctx); err != nil {
			return err
		}
	}
	if p.inPlace() && p.file.Array != nil {
		for _, i := range p.file.Children() {
			if err := os.MkdirAll(path.Join(p.work, childMetadata(i)), 0o777); err != nil {
				return cause.Name(ctx, cause.Usage, "", fmt.Errorf("making a child's directory: %w", err))
			}
		}
	}
	if err := p.clear(ctx, to); err != nil {
		return err
	}
	if p.script != nil {
		if err := to.write(ctx, "exec.sh", p.script); err != nil {
			return cause.Name(ctx, cause.StageOut, "", fmt.Errorf("sending exec.sh: %w", err))
		}
	}
	p.file.From.Time = time.Now().UTC().Truncate(time.Second)
	if err := to.write(ctx, handle.FileName, p.file.JSON()); err != nil {
		return cause.Name(ctx, cause.StageOut, "", fmt.Errorf("sending %s: %w", handle.FileName, err))
	}
	return nil
}

// clear removes the outcome of an earlier run, so that nobody takes it for this one's.
func (p *parcel) clear(ctx context.Context, to place) error {
	names := []string{record.FileName, "exit_code.txt", "stdout.txt", "stderr.txt"}
	var keys []string
	for _, n := range names {
		keys = append(keys, to.key(n))
	}
	if p.file.Array == nil || p.file.Again == "" {
		return to.remove(ctx, keys)
	}
	work, err := p.c.at(ctx, parent(to.url))
	if err != nil {
		return err
	}
	keys = nil
	for _, i := range p.file.Children() {
		for _, n := range names {
			keys = append(keys, work.below(childMetadata(i)).key(n))
		}
	}
	return work.remove(ctx, keys)
}

func (p place) remove(ctx context.Context, keys []string) error {
	err := p.store.Delete(ctx, keys)
	if errors.Is(err, store.ErrNotExist) {
		return nil // of a directory that is not there yet
	}
	return cause.Name(ctx, cause.StageOut, "", err)
}

// findTries is how often, and findPause how long apart, a scheduler is asked for a task whose answer was lost.
const findTries = 5

var findPause = 2 * time.Second

// hand is steps 5 and 6.
func (p *parcel) hand(ctx context.Context, sched scheduler.Scheduler, s *submission) (Status, error) {
	t := scheduler.Task{Name: p.file.Name, Title: p.job.Module.Name, Handle: s.place.url, Children: p.file.Children(), Needs: needs(&p.job)}
	if p.file.Array != nil {
		t.Parallel = p.file.Array.Parallel
	}
	if p.inPlace() {
		t.Dir = p.meta
	}
	id, err := sched.Submit(ctx, t)
	if err != nil {
		if id, err = p.arrived(ctx, sched, s, err); err != nil {
			return Status{}, err
		}
	}
	return p.record(ctx, s, id), nil
}

// record is step 6, and keeps the short id on this machine. The job is there, so nothing of it is an error.
func (p *parcel) record(ctx context.Context, s *submission, id string) Status {
	p.file.Task = id
	ctx = context.WithoutCancel(ctx) // the job is there, whoever gives up now
	if err := s.place.write(ctx, handle.FileName, p.file.JSON()); err != nil {
		p.c.Warn("the job is submitted, but its id %s could not be written to %s: %v", id, s.place.url, err)
	}
	title := p.job.Module.Name
	if title == "" {
		title = strings.Join(p.file.Command, " ")
	}
	if len(title) > 60 {
		title = title[:60]
	}
	e := handle.Entry{ID: handle.ShortID(p.file.Name), Handle: s.place.url, Target: p.file.Target, Title: title, Time: p.file.From.Time, Foreign: p.theirs, Store: p.job.Store}
	if err := p.c.Book.Add(e); err != nil {
		p.c.Warn("%v", err)
	}
	return Status{Subject: subjectOf(s), Times: Times{Submitted: p.file.From.Time}, Outcome: Outcome{State: Queued}}
}

// arrived asks for a task whose submission failed: the failure may have been that of the answer alone. Where the scheduler does not
// have it, job.json is removed again.
func (p *parcel) arrived(ctx context.Context, sched scheduler.Scheduler, s *submission, why error) (string, error) {
	ctx = context.WithoutCancel(ctx)
	why = cause.Name(ctx, cause.Engine, "", fmt.Errorf("submitting to %s: %w", p.file.Target, why))
	if c := cause.Of(why); c == cause.Usage || c == cause.Refused {
		_ = s.place.store.Delete(ctx, []string{s.place.key(handle.FileName)}) // the refusal is what counts
		return "", why
	}
	for n := range findTries {
		if n > 0 {
			time.Sleep(findPause)
		}
		id, err := sched.Find(ctx, p.file.Name)
		switch {
		case err == nil:
			return id, nil
		case errors.Is(err, scheduler.ErrUnknown):
			_ = s.place.store.Delete(ctx, []string{s.place.key(handle.FileName)})
			return "", why
		}
	}
	return "", &cause.Error{Cause: cause.Of(why), Hint: "submit it again when the scheduler answers: a job that arrived is found then, and not submitted twice",
		Err: fmt.Errorf("%w; whether the job arrived is not known (%s)", why, s.place.url)}
}

func needs(j *job.Job) scheduler.Needs {
	l := j.Container.Limits
	n := scheduler.Needs{Memory: l.Memory, CPUs: l.CPUs, Walltime: j.Walltime, Grace: j.Grace}
	if _, err := fmt.Sscanf(l.GPUs, "%d", &n.GPUs); err != nil && l.GPUs == "all" {
		n.GPUs = 1
	}
	return n
}

// under reports whether a URL is at or below another.
func under(root, url string) bool {
	root = strings.TrimRight(root, "/")
	return url == root || strings.HasPrefix(path.Clean("/"+url)+"/", path.Clean("/"+root)+"/")
}
