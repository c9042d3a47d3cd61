package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/genepattern/ferry/internal/rmtree"
)

const (
	// keptDir is the folder on the shelf that has results which the store does not have yet.
	keptDir = "kept"
	// partSuffix ends the name of one that is being made. What a killed ferry left so is not whole, and never sent.
	partSuffix = ".part"
	// manifestName is the file in each that says what it is.
	manifestName = "kept.json"
	// manifestMax bounds its size.
	manifestMax = 64 << 20
)

// KeptPlace is where the results of an attempt are kept below a local prefix. run is random.
func KeptPlace(prefix, id string, attempt int, run string) string {
	return filepath.Join(prefix, ownDir, keptDir, fmt.Sprintf("%s.%d.%s", id, attempt, run))
}

// A Keeping is a folder of results in the making. It is seen by nobody before Finish.
type Keeping struct {
	*os.Root
	shelf    *shelf
	name     string   // in the shelf
	manifest *os.File // made first: later a full disk may have no place for it
}

// Keep begins to keep results at a KeptPlace. The job's lock is held meanwhile.
func Keep(prefix, place string) (*Keeping, error) {
	s, err := openShelf(prefix, true)
	if err != nil {
		return nil, err
	}
	k := &Keeping{shelf: s, name: path.Join(keptDir, filepath.Base(place))}
	if err := s.Mkdir(keptDir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.checkKept(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Mkdir(k.name+partSuffix, 0o700); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if k.Root, err = s.OpenRoot(k.name + partSuffix); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if k.manifest, err = k.OpenFile(manifestName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		return nil, errors.Join(err, s.toTrash(k.name+partSuffix), k.Close(), s.Close())
	}
	return k, nil
}

// checkKept is an error where the folder of kept results is not ferry's own.
func (s *shelf) checkKept() error {
	st, err := s.Lstat(keptDir)
	if err == nil && (!st.IsDir() || !own(st) || st.Mode().Perm()&0o022 != 0) {
		err = fmt.Errorf("%s: %w", filepath.Join(s.dir, keptDir), errForeign)
	}
	return err
}

// Finish makes the results count: all is on the disk before the name changes. Where it fails, the folder is given up.
func (k *Keeping) Finish(manifest []byte) error {
	_, err := k.manifest.Write(manifest)
	if err == nil {
		err = unix.Syncfs(int(k.manifest.Fd()))
	}
	if err == nil {
		err = k.shelf.Rename(k.name+partSuffix, k.name)
	}
	if err != nil {
		return errors.Join(err, k.Abort())
	}
	return errors.Join(syncDir(k.shelf.Root, keptDir), k.close())
}

// Abort gives the folder up.
func (k *Keeping) Abort() error {
	return errors.Join(k.shelf.toTrash(k.name+partSuffix), k.close())
}

func (k *Keeping) close() error {
	return errors.Join(k.manifest.Close(), k.Close(), k.shelf.Close())
}

func syncDir(root *os.Root, name string) error {
	d, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// toTrash puts a folder of the shelf out of the way. Where a full disk has no room for the trash, it deletes the folder.
func (s *shelf) toTrash(name string) error {
	err := s.Mkdir(trashDir, 0o700)
	if err == nil || errors.Is(err, os.ErrExist) {
		err = s.Rename(name, path.Join(trashDir, trashName()))
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = rmtree.Below(s.Root, name)
	}
	return err
}

// Kept lists the names of what is kept whole below the local prefix.
func Kept(prefix string) ([]string, error) { return keptNames(prefix, false) }

func keptNames(prefix string, parts bool) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(prefix, ownDir, keptDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasSuffix(e.Name(), partSuffix) == parts {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// A KeptTree is what was kept, held by one ferry.
type KeptTree struct {
	*os.Root
	Manifest []byte
	Place    string

	shelf *shelf
	name  string
	lock  *os.File
}

// ErrInUse says that another ferry sends what was kept.
var ErrInUse = errors.New("another ferry sends it right now")

// OpenKept opens what was kept, so that no other ferry does. ErrInUse.
func OpenKept(prefix, name string) (*KeptTree, error) {
	s, err := openShelf(prefix, false)
	if err != nil {
		return nil, err
	}
	k := &KeptTree{shelf: s, name: path.Join(keptDir, name), Place: filepath.Join(s.dir, keptDir, name)}
	if err := s.checkKept(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if k.Root, err = s.OpenRoot(k.name); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if k.lock, err = open(k.Root, manifestName, os.O_RDONLY); err != nil {
		return nil, errors.Join(err, k.Root.Close(), s.Close())
	}
	err = syscall.Flock(int(k.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err == nil {
		k.Manifest, err = readAtMost(k.lock, manifestMax)
	}
	if err == nil && !k.isThere() {
		err = os.ErrNotExist // another ferry has sent it meanwhile
	}
	if err != nil {
		return nil, errors.Join(err, k.Release())
	}
	return k, nil
}

func (k *KeptTree) isThere() bool {
	mine, err1 := k.Stat(".")
	there, err2 := k.shelf.Lstat(k.name)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}

// Release leaves what was kept for another time.
func (k *KeptTree) Release() error {
	return errors.Join(k.lock.Close(), k.Close(), k.shelf.Close())
}

// Drop removes what was kept: the store has it. EmptyTrash deletes it.
func (k *KeptTree) Drop() error {
	err := k.shelf.toTrash(k.name)
	_ = k.shelf.Remove(keptDir)
	return errors.Join(err, k.Release())
}

// DropKept removes what was kept of a job's attempts up to this one: a newer run has succeeded.
func DropKept(prefix, id string, attempt int) {
	names, err := Kept(prefix)
	if err != nil {
		return
	}
	for _, n := range names {
		i := strings.LastIndexByte(n, '.')
		if i < 0 {
			continue
		}
		if a, ok := attemptOf(n[:i], id); !ok || a > attempt {
			continue
		}
		if k, err := OpenKept(prefix, n); err == nil {
			_ = k.Drop() // the next ferry looks again
		}
	}
}

// dropParts removes what killed ferries had begun to keep. A living one holds its job's lock meanwhile.
func dropParts(prefix string) error {
	names, err := keptNames(prefix, true)
	if err != nil || len(names) == 0 {
		return err
	}
	var problems []error
	for _, n := range names {
		id, ok := jobOfPart(n)
		if !ok {
			continue
		}
		l, err := takeLock(prefix, id)
		if err != nil {
			continue // its ferry lives
		}
		problems = append(problems, discard(prefix, filepath.Join(ownDir, keptDir, n)))
		if l.Read() == (Held{}) {
			l.Release()
		} else {
			l.Abandon()
		}
	}
	_ = os.Remove(filepath.Join(prefix, ownDir, keptDir))
	return errors.Join(problems...)
}

// jobOfPart is the job's id in the name of what is kept: the name ends with the attempt, the run and partSuffix.
func jobOfPart(name string) (id string, ok bool) {
	name, ok = strings.CutSuffix(name, partSuffix)
	if i := strings.LastIndexByte(name, '.'); ok && i > 0 {
		name = name[:i]
		if j := strings.LastIndexByte(name, '.'); j > 0 {
			return name[:j], isRootOf(name, name[:j])
		}
	}
	return "", false
}
