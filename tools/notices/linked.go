package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// A module is one that is linked in, and those of its folders that may have a licence: its root, and all between the root
// and a linked package.
type module struct {
	name    string
	folders []string
}

// linked are the modules that a program is linked from, besides its own and the standard library, sorted by name. root is
// the directory of the program's module.
func linked(ctx context.Context, root, program string) ([]module, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", program)
	cmd.Dir = root
	// The platform of the transfer image: other systems link other modules.
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("asking what %s is linked from: %w", program, err)
	}
	folders := map[string][]string{}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading the packages of %s: %w", program, err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		for dir := p.Dir; ; dir = filepath.Dir(dir) {
			if known := folders[p.Module.Path]; !slices.Contains(known, dir) {
				folders[p.Module.Path] = append(known, dir)
			}
			if dir == p.Module.Dir || dir == filepath.Dir(dir) {
				break
			}
		}
	}
	var all []module
	for path, dirs := range folders {
		slices.Sort(dirs)
		all = append(all, module{path, dirs})
	}
	slices.SortFunc(all, func(a, b module) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return all, nil
}
