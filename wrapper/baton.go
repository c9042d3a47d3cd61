package wrapper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/job"
	"github.com/genepattern/ferry/platform"
	ferrysync "github.com/genepattern/ferry/sync"
	"github.com/genepattern/ferry/wrapper/record"
)

// A baton is what stage-in leaves for stage-out. Where the platform cannot mount a part of a volume, the module can write it. So its
// digest, the seal, is in the store's record, which the module cannot write: stage-out trusts no other baton. What says where the job's
// files go is not in it: stage-out is told by its own options.
type baton struct {
	Job     string
	Attempt int
	Run     string   // of the record
	Staged  bool     // stage-in came to its end
	Failed  *failure // why it failed, nil where it did not
	Before  string   // the run that the store's record was of before this one
	Record  json.RawMessage
	Snaps   map[string]string // by directory of the outbox: a part of the baton
	Log     string            // the part that is the transfer log
	Digests map[string]string // of the parts: SHA-256, in hex
}

// A failure is an error of a stage in another container.
type failure struct {
	Cause   cause.Cause
	Message string
	Hint    string
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	return &failure{Cause: cause.Of(err), Message: err.Error(), Hint: cause.HintOf(err)}
}

// err is the error again; nil for nil.
func (f *failure) err() error {
	if f == nil {
		return nil
	}
	return &cause.Error{Cause: f.Cause, Hint: f.Hint, Err: errors.New(f.Message)}
}

const (
	// partName begins the names of a baton's parts.
	partName = "baton."
	// partMax bounds a part. A snapshot has 16 bytes a file, a transfer log about 150.
	partMax = 2 << 30
	// batonMax bounds the baton: most of it is a record.
	batonMax = recordMax + 1<<20
)

func isPart(name string) bool { return strings.HasPrefix(name, partName) && name != relayBaton }

// baton reads the baton without its parts.
func (v *volume) baton() (b baton, err error) {
	data, err := v.read(path.Join(platform.RelayDir, relayBaton), batonMax)
	if err == nil {
		err = json.Unmarshal(data, &b)
	}
	return b, err
}

// add writes a part and notes its digest.
func (b *baton) add(v *volume, data []byte) (name string, err error) {
	name = partName + strconv.Itoa(len(b.Digests))
	sum := sha256.Sum256(data)
	b.Digests[name] = hex.EncodeToString(sum[:])
	return name, v.write(path.Join(platform.RelayDir, name), data, 0o600)
}

// part reads a part that is what it was.
func (b *baton) part(v *volume, name string) ([]byte, error) {
	if !isPart(name) || path.Base(name) != name {
		return nil, fmt.Errorf("%w: %q", errForged, name)
	}
	data, err := v.read(path.Join(platform.RelayDir, name), partMax)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != b.Digests[name] {
		return nil, fmt.Errorf("%w: %s", errForged, name)
	}
	return data, nil
}

// errForged is the error of what stage-in did not leave so.
var errForged = errors.New("not what stage-in left")

// seal writes the baton, and gives its digest.
func (b *baton) seal(v *volume) (string, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	return digest(data), v.write(path.Join(platform.RelayDir, relayBaton), data, 0o600)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// hand writes the baton of an attempt whose stage-in has ended, and tells the store its seal.
func hand(ctx context.Context, v *volume, a *attempt, failed error) error {
	b := baton{Job: a.job.Identity.ID, Attempt: a.job.Identity.Attempt, Staged: true, Failed: failureOf(failed), Snaps: map[string]string{}, Digests: map[string]string{}}
	a.tell.rec.Edit(func(r *record.Record) { b.Run = r.Run })
	b.Before = a.outbox.claim.earlier()
	for dir, s := range a.outbox.snaps {
		data, err := s.MarshalBinary()
		if err == nil {
			b.Snaps[dir], err = b.add(v, data)
		}
		if err != nil {
			return err
		}
	}
	log, err := readFrom(a.site.root, inRoot(a.site.own(record.TransferName)), partMax)
	if err == nil {
		b.Log, err = b.add(v, log)
	}
	if err != nil {
		return err
	}
	b.Record = a.tell.rec.JSON()
	sum, err := b.seal(v)
	if err != nil {
		return err
	}
	a.tell.rec.Edit(func(r *record.Record) { r.Seal = sum })
	if err := a.outbox.claim.check(ctx); err != nil {
		return err
	}
	return a.remote.put(ctx, a.outbox.claim.key, a.tell.rec.JSON())
}

// snapshotsOf are those of a baton, by directory.
func snapshotsOf(v *volume, b *baton) (map[string]*ferrysync.Snapshot, error) {
	all := map[string]*ferrysync.Snapshot{}
	for dir, name := range b.Snaps {
		data, err := b.part(v, name)
		s := new(ferrysync.Snapshot)
		if err == nil {
			err = s.UnmarshalBinary(data)
		}
		if err != nil {
			return nil, err
		}
		all[dir] = s
	}
	return all, nil
}

// orders are what `ferry exec` has to know. They hold no secret: the module may read them.
type orders struct {
	Job job.Job  // as far as it concerns the module
	Not *failure // why nothing is to run, nil where something is
}

// ordersOf are the orders for a job.
func ordersOf(j job.Job, not error) orders {
	o := orders{Job: j, Not: failureOf(not)}
	o.Job.Remote, o.Job.Store, o.Job.Registry, o.Job.Dirs.Sources = "", nil, job.Registry{}, nil
	for _, list := range []*[]job.Input{&o.Job.Dirs.Inputs, &o.Job.Dirs.Libraries} {
		all := make([]job.Input, len(*list))
		for i, in := range *list {
			all[i].Path = in.Path // where it came from is not the module's business
		}
		*list = all
	}
	return o
}

func giveOrders(v *volume, o orders) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return v.write(path.Join(platform.RelayDir, relayOrders), data, 0o644)
}

// ordersMax bounds the orders: a command line and an environment.
const ordersMax = 8 << 20

func ordersOn(v *volume) (o orders, err error) {
	data, err := v.read(path.Join(platform.RelayDir, relayOrders), ordersMax)
	if errors.Is(err, fs.ErrNotExist) {
		return o, cause.Fail(cause.Launch, "`ferry stage-in` comes first", "nothing was staged in on the volume %s", v.dir)
	}
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	return o, err
}

// A finish is how `ferry exec` ended. The module can write it: it is believed where it could make the same come true otherwise.
type finish struct {
	Failed   *failure
	Exit     *engine.Exit // nil where the module did not run
	Peak     int64        // bytes
	Last     engine.Stats
	Command  []string
	Limits   engine.Limits
	Stages   []*record.Stage
	Warnings []string
}

// finishMax bounds it.
const finishMax = 4 << 20

func finishOn(v *volume) (f finish, err error) {
	data, err := v.read(path.Join(platform.ExecDir, execEnd), finishMax)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	return f, err
}
