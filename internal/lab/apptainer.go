package lab

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Apptainer is the directory of the program apptainer, for PATH: that of scripts/apptainer.sh, or the machine's.
func Apptainer() (string, error) {
	own := filepath.Join(Root(), "bin", "apptainer", "usr", "bin")
	if _, err := os.Stat(filepath.Join(own, "apptainer")); err == nil {
		return own, nil
	}
	file, err := exec.LookPath("apptainer")
	return filepath.Dir(file), err
}

// configs are what module images say of themselves besides their files, as ModuleImage has them.
var configs = map[Module]map[string]any{
	User: {"User": "1000:1000"},
	Entrypoint: {"Entrypoint": []string{"/bin/false"}, "Cmd": []string{"own", "command"}, "Env": []string{"GREETING=hello", "PATH=/own/bin:/bin"},
		"WorkingDir": "/own", "Labels": map[string]string{"org.example.own": "kept"}},
}

// ModuleArchive writes a module image as `docker save` does, without an engine. It needs what Moduleable asks for.
func ModuleArchive(m Module, file string) error {
	rootfs, err := moduleFiles(m)
	if err != nil {
		return err
	}
	own := configs[m]
	if own == nil {
		own = map[string]any{}
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": own,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + rootfs.hash()}},
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(config)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{"ferry-test/module:" + string(m)}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // closed already where all went well
	w := tar.NewWriter(out)
	for _, f := range []struct {
		name string
		data []byte
	}{{configName, config}, {"layer.tar", rootfs.buf.Bytes()}, {"manifest.json", manifest}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}
