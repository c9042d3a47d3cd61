package apptainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/bounded"
)

// A record is what a container's directory says of it, for other ferries.
type record struct {
	ID      string            `json:"id"`
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Created time.Time         `json:"created"`
	Image   engine.Image      `json:"image"`
	At      string            `json:"at"`     // the image as apptainer runs it
	Mounts  []string          `json:"mounts"` // where something is mounted
	Own     bool              `json:"own"`    // the container has a copy of the image's files, which it runs in

	Process process      `json:"process"` // apptainer's
	Space   string       `json:"space,omitempty"`
	Group   group        `json:"group"`
	Exit    *engine.Exit `json:"exit,omitempty"`
}

// Files of a container's directory.
const (
	recordName  = "container.json"
	overlayName = "overlay" // what it writes outside of mounts
	rootfsName  = "rootfs"  // its own copy of the image
	tempName    = "temp"    // /tmp and /var/tmp
	homeName    = "home"
)

// containersName is the directory of all containers below Config.Dir.
const containersName = "containers"

// A depot keeps the containers of this user on this node.
type depot struct {
	dir      string // Config.Dir
	programs string // Config.Path
}

var idForm = regexp.MustCompile(`^[a-z0-9]{26}$`)

// base makes the directory that all containers of this user are in. It is refused where it is another user's: its default is in a
// place where everybody may make directories.
func (d *depot) base() (string, error) {
	dir := filepath.Join(d.dir, containersName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", full(err)
	}
	for _, one := range []string{d.dir, dir} {
		st, err := os.Lstat(one)
		if err != nil {
			return "", err
		}
		if uid := int(st.Sys().(*syscall.Stat_t).Uid); !st.IsDir() || uid != os.Geteuid() {
			return "", fmt.Errorf("%w: %s is no directory of this user's; set %s to another", engine.ErrLaunch, one, dirVariable)
		}
	}
	return dir, nil
}

// path is a container's directory.
func (d *depot) path(id string) string { return filepath.Join(d.dir, containersName, id) }

func (d *depot) write(r *record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file := filepath.Join(d.path(r.ID), recordName)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return full(err)
	}
	return os.Rename(file+".new", file)
}

// recordMax bounds a record: labels and mounts are a job's.
const recordMax = 4 << 20

// read reads a container's record. engine.ErrNoContainer.
func (d *depot) read(id string) (*record, error) {
	gone := fmt.Errorf("%q: %w", id, engine.ErrNoContainer)
	if !idForm.MatchString(id) {
		return nil, gone
	}
	data, err := bounded.File(filepath.Join(d.path(id), recordName), recordMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	r := &record{}
	if json.Unmarshal(data, r) != nil || r.ID != id {
		return nil, gone
	}
	return r, nil
}

// records are those of all containers of this user on this node. What cannot be read is not there.
func (d *depot) records() ([]*record, error) {
	entries, err := os.ReadDir(filepath.Join(d.dir, containersName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*record
	for _, entry := range entries {
		if r, err := d.read(entry.Name()); err == nil {
			all = append(all, r)
		}
	}
	return all, nil
}

func (r *record) carries(labels map[string]string) bool {
	for k, v := range labels {
		if have, ok := r.Labels[k]; !ok || v != "" && have != v {
			return false
		}
	}
	return true
}

// running reports whether something of the container runs.
func (r *record) running() bool {
	return r.Exit == nil && (r.Process.lives() || r.Process.Boot == bootID() && len(alive(members(r.Space))) > 0)
}

// alive are those of the processes that have not ended.
func alive(pids []string) []string {
	var all []string
	for _, pid := range pids {
		if st, ok := statOf(pid); ok && st.state != "Z" {
			all = append(all, pid)
		}
	}
	return all
}
