package node

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
)

// markName is a file in the attempt's root, in the folder ownDir, which no module sees.
const markName = "held.json"

// Mark writes into an attempt's root whose it is.
func Mark(root *os.Root, h Held) error {
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return root.WriteFile(path.Join(ownDir, markName), data, 0o600)
}

// marked are the roots below the local prefix that a ferry has made and not removed, by name. One that was kept on purpose has no mark.
func marked(prefix string) (map[string]Held, error) {
	entries, err := os.ReadDir(prefix)
	if err != nil {
		return nil, err
	}
	all := map[string]Held{}
	for _, e := range entries {
		if h, ok := markOf(prefix, e.Name()); e.IsDir() && ok {
			all[e.Name()] = h
		}
	}
	return all, nil
}

// markOf reads the mark of a root. It is false where no ferry of this user has made that.
func markOf(prefix, name string) (Held, bool) {
	root, err := os.OpenRoot(filepath.Join(prefix, name))
	if err != nil {
		return Held{}, false
	}
	defer root.Close()
	if st, err := root.Stat("."); err != nil || !own(st) {
		return Held{}, false
	}
	data, err := read(root, path.Join(ownDir, markName))
	if err != nil {
		return Held{}, false
	}
	var h Held
	if json.Unmarshal(data, &h) != nil || h.Root != name || h.ID == "" || !isRootOf(name, h.Job) {
		return Held{}, false
	}
	return h, true
}
