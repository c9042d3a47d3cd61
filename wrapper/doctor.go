package wrapper

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/wrapper/node"
)

// A Check is one line of what Doctor found.
type Check struct {
	Name   string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do where it is not ok
}

const (
	// checkTime bounds one check: a doctor that hangs tells nothing.
	checkTime = 30 * time.Second
	// maxSkew is a third of the 15 minutes at which S3 begins to refuse requests (RequestTimeTooSkewed).
	// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
	maxSkew = 5 * time.Minute
	// lowDisk is less than most jobs need, in bytes.
	lowDisk = 1 << 30
)

// A Place is where a job would run.
type Place struct {
	Remote      string // "" to check no store
	LocalPrefix string
	Network     string   // of the module
	Services    []string // HOST:PORT that a module should not reach; nil for what gives nodes of clouds their credentials
	Uploads     Uploads
}

// Doctor checks what a job would need of this node. It changes nothing but what it removes again: one object, and one container. The network
// that modules are on by default is made where it is missing, and uploads that nobody will end are aborted where the Place asks for that. The checks in more run after its own.
func Doctor(ctx context.Context, p Place, deps Deps, more ...func(context.Context) Check) []Check {
	d := &doctor{deps: deps, services: p.Services, parts: p.Uploads,
		job: job.Job{Remote: p.Remote, LocalPrefix: p.LocalPrefix, Container: job.Container{Placement: job.PlaceMount, Network: p.Network}}}
	if d.services == nil {
		d.services = metadataServices
	}
	checks := []func(context.Context) Check{d.engine, d.network, d.hostPath, d.disk}
	if p.Remote != "" {
		checks = append(checks, d.list, d.readWrite, d.clock, d.uploads)
	}
	checks = append(checks, d.orphans, d.unsent)
	var all []Check
	for i, c := range append(checks, more...) {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		all = append(all, c(ctx))
		if i == 0 && all[0].OK {
			for _, f := range engine.Examine(ctx, deps.Engine) {
				all = append(all, Check(f))
			}
		}
		cancel()
	}
	return all
}

// doctor is what one check learned and a later one needs.
type doctor struct {
	deps       Deps
	job        job.Job // of which only the remote root, the local prefix and the network are asked about
	services   []string
	parts      Uploads
	hostPrefix string  // "" while it is unknown
	remote     *remote // nil where it cannot be opened
	skew       *time.Duration
}

func bad(name string, err error, hint string) Check {
	if h := cause.HintOf(err); h != "" {
		hint = h
	}
	return Check{Name: name, Detail: err.Error(), Hint: hint}
}

func good(name, format string, args ...any) Check {
	return Check{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)}
}

func (d *doctor) engine(ctx context.Context) Check {
	info, err := d.deps.Engine.Info(ctx)
	if err != nil {
		return bad("engine", cause.Name(ctx, cause.Engine, "mount the engine's socket: -v /var/run/docker.sock:/var/run/docker.sock; or choose another --engine", err), "")
	}
	where := ""
	if info.Socket != "" {
		where = " at " + info.Socket
	}
	k := good("engine", "%s %s%s; it enforces %s", info.Name, info.Version, where, cmp.Or(strings.Join(info.Enforces.Names(), ", "), "nothing"))
	if !info.Enforces.Memory && info.Enforces.User { // a container engine that could
		k.Hint = "it enforces no limit of memory: an engine that is not root's needs its cgroups delegated (systemd: Delegate=cpu cpuset io memory pids)"
	}
	return k
}

func (d *doctor) hostPath(ctx context.Context) Check {
	host, self, err := hostPrefix(ctx, &d.job, d.deps.Engine, d.deps.Log)
	if err != nil {
		return bad("host path", err, "")
	}
	d.hostPrefix = host
	if self == nil {
		return good("host path", "ferry runs on the host; modules see %s", host)
	}
	return good("host path", "ferry runs in container %.12s; %s is %s on the host", self.ID, d.job.LocalPrefix, host)
}

// disk checks the local prefix, or its nearest parent that exists: ferry would make the rest.
func (d *doctor) disk(context.Context) Check {
	dir := d.job.LocalPrefix
	for {
		if st, err := os.Stat(dir); err == nil {
			if !st.IsDir() {
				return bad("local prefix", fmt.Errorf("%s is not a directory", dir), "choose another --local-prefix")
			}
			break
		}
		dir = filepath.Dir(dir)
	}
	probe, err := os.MkdirTemp(dir, ".ferry-doctor-")
	if err != nil {
		return bad("local prefix", err, "choose a --local-prefix that is writable")
	}
	_ = os.Remove(probe)
	free, err := node.Free(dir)
	if err != nil {
		return bad("local prefix", err, "")
	}
	if free < lowDisk {
		return bad("local prefix", fmt.Errorf("only %s free in %s", units.BytesSize(float64(free)), dir), "free some space")
	}
	return good("local prefix", "%s is writable, %s free", d.job.LocalPrefix, units.BytesSize(float64(free)))
}

func (d *doctor) list(ctx context.Context) Check {
	var err error
	if d.remote, err = openRemote(ctx, d.deps.Open, &d.job); err != nil {
		return bad("list", err, "")
	}
	for _, err := range d.remote.store.List(ctx, under(d.remote.prefix, "")) {
		if err != nil {
			return bad("list", cause.Name(ctx, cause.StageIn, "", err), "")
		}
		return good("list", "%s", d.job.Remote)
	}
	return good("list", "%s, which is empty", d.job.Remote)
}

func (d *doctor) readWrite(ctx context.Context) Check {
	if d.remote == nil {
		return bad("read and write", fmt.Errorf("%s cannot be opened", d.job.Remote), "")
	}
	text := rand.Text()
	key := under(d.remote.prefix, ".ferry-doctor-"+text)
	before := time.Now()
	if _, err := d.remote.store.Put(ctx, key, store.Body{Bytes: []byte(text)}, store.PutOptions{}); err != nil {
		return bad("read and write", cause.Name(ctx, cause.StageOut, "", err), "")
	}
	defer func() { _ = d.remote.store.Delete(context.WithoutCancel(ctx), []string{key}) }()
	r, err := d.remote.store.Open(ctx, key, store.OpenOptions{})
	if err != nil {
		return bad("read and write", cause.Name(ctx, cause.StageIn, "", err), "")
	}
	defer r.Close()
	if got, err := bounded.All(r, int64(len(text))); err != nil || string(got) != text {
		return bad("read and write", fmt.Errorf("reading %s back: %q, %v", path.Base(key), got, err), "")
	}
	for o, err := range d.remote.store.List(ctx, key) {
		if err == nil && o.Key == key {
			skew := o.ModTime.Sub(before)
			d.skew = &skew
		}
		break
	}
	return good("read and write", "an object in %s", d.job.Remote)
}

func (d *doctor) clock(context.Context) Check {
	switch {
	case d.skew == nil:
		return bad("clock", fmt.Errorf("the store's time is unknown"), "see the check before")
	case d.skew.Abs() > maxSkew:
		return bad("clock", fmt.Errorf("%v off the store's", d.skew.Round(time.Second)), "set this node's clock: S3 refuses requests 15 minutes off")
	}
	return good("clock", "%v off the store's", d.skew.Round(time.Second))
}

func (d *doctor) orphans(ctx context.Context) Check {
	if d.hostPrefix == "" {
		return bad("orphans", fmt.Errorf("not looked for: the host path is unknown"), "see the check above")
	}
	all, err := node.Orphans(ctx, d.deps.Engine, d.job.LocalPrefix, false)
	if err != nil {
		return bad("orphans", err, "")
	}
	if len(all) == 0 {
		return good("orphans", "none")
	}
	text := ""
	for i, o := range all {
		if i > 0 {
			text += "; "
		}
		text += o.String()
	}
	return bad("orphans", fmt.Errorf("%s", text), "the next `ferry run` on this node removes them")
}

// unsent looks for records that never reached the store.
func (d *doctor) unsent(context.Context) Check {
	names, err := node.Unsent(d.job.LocalPrefix)
	kept, e := node.Kept(d.job.LocalPrefix)
	if err == nil {
		err = e
	}
	switch {
	case err != nil:
		return bad("records", err, "")
	case len(kept) > 0:
		return bad("records", fmt.Errorf("results are not in the store: %s", strings.Join(kept, ", ")), "`ferry resume` sends them")
	case len(names) == 0:
		return good("records", "all were sent")
	}
	return bad("records", fmt.Errorf("not in the store: %s", strings.Join(names, ", ")), "they say how their jobs ended; remove them once read")
}
