package apptainer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/engine/apptainer"
	"github.com/genepattern/ferry/internal/lab"
	"github.com/genepattern/ferry/internal/testenv"
)

func TestSourceForms(t *testing.T) {
	for _, good := range []string{"/a/b.sif", "b.sif", "./dir", "/dir", "docker-archive:/a.tar", "oci-archive:a.tar", "oci:/layout", "docker://debian:12",
		"docker://localhost:5000/a/b@sha256:" + strings.Repeat("a", 64), "debian:12", "genepattern/module:1"} {
		if err := apptainer.Kind.Image(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"library://a/b", "shub://x", "https://example.org/x.sif", "UPPER CASE", "docker://", "docker-archive:", "oras://r/x"} {
		if err := apptainer.Kind.Image(bad); cause.Of(err) != cause.Usage || !strings.Contains(cause.HintOf(err), "docker-archive") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestSourceLocal runs a module from each form that is on this node.
func TestSourceLocal(t *testing.T) {
	dir := filepath.Join(userDir(t), "local")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := testenv.ModuleArchive(t, dir, testenv.Entrypoint)
	c := config(t, dir)
	e := apptainer.New(c)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sif, box, oci := filepath.Join(dir, "x.sif"), filepath.Join(dir, "box"), filepath.Join(dir, "oci.tar")
	for _, args := range [][]string{{"build", sif, "docker-archive:" + archive}, {"build", "--sandbox", box, "docker-archive:" + archive}} {
		cmd := exec.CommandContext(ctx, filepath.Join(testenv.Apptainer(t), "apptainer"), args...)
		cmd.Env = []string{"PATH=" + c.Path, "HOME=" + dir}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	ociArchive(t, archive, oci)
	for _, ref := range []string{"docker-archive:" + archive, "oci-archive:" + oci, sif, box} {
		img, err := e.Image(ctx, ref, nil)
		if err != nil || img.Ref != ref || img.ID == "" {
			t.Fatalf("%s: %+v, %v", ref, img, err)
		}
		if ref != box && (!slices.Equal(img.Entrypoint, []string{"/bin/false"}) || img.Workdir != "/own" || img.Labels["org.example.own"] != "kept") {
			t.Errorf("%s: %+v", ref, img)
		}
		exit, out := run(ctx, t, e, engine.Spec{Image: img, Command: []string{"sh", "-c", "echo $GREETING; pwd"}, Workdir: "/usr"})
		if exit.Code != 0 || out != "hello\n/usr\n" {
			t.Errorf("%s: %+v, %q", ref, exit, out)
		}
	}
	for _, ref := range []string{filepath.Join(dir, "none.sif"), "docker-archive:" + filepath.Join(dir, "none.tar")} {
		if _, err := e.Image(ctx, ref, nil); !errors.Is(err, engine.ErrNoImage) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := e.Image(ctx, archive, nil); cause.Of(err) != cause.Usage { // without its scheme
		t.Errorf("an archive as a SIF file: %v", err)
	}
	if err := os.WriteFile(oci, []byte("no archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Image(ctx, "oci-archive:"+oci, nil); cause.Of(err) != cause.Image {
		t.Errorf("a broken archive: %v", err)
	}
}

func run(ctx context.Context, t *testing.T, e engine.Engine, spec engine.Spec) (engine.Exit, string) {
	t.Helper()
	c, err := e.Create(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Remove(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	if err := c.Start(ctx, &out, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	exit, err := c.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return exit, out.String()
}

// ociArchive writes an image that `docker save` wrote as an archive of OCI's layout.
func ociArchive(t *testing.T, archive, file string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parts := map[string][]byte{}
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if parts[filepath.Ext(h.Name)], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
		if h.Name != "manifest.json" && filepath.Ext(h.Name) == ".json" {
			parts["config"] = parts[".json"]
		}
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(name string, data []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"blobs/", "blobs/sha256/"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d, Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
	}
	blob := func(kind string, data []byte) map[string]any {
		sum := sha256.Sum256(data)
		add("blobs/sha256/"+hex.EncodeToString(sum[:]), data)
		return map[string]any{"mediaType": kind, "digest": "sha256:" + hex.EncodeToString(sum[:]), "size": len(data)}
	}
	encode := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const kind = "application/vnd.oci.image."
	manifest := encode(map[string]any{"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
		"config": blob(kind+"config.v1+json", parts["config"]), "layers": []any{blob(kind+"layer.v1.tar", parts[".tar"])}})
	add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	add("index.json", encode(map[string]any{"schemaVersion": 2, "manifests": []any{blob(kind+"manifest.v1+json", manifest)}}))
	if err := errors.Join(w.Close(), os.WriteFile(file, out.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestRegistry fetches an image from a registry that wants a login.
func TestRegistry(t *testing.T) {
	ref := testenv.ModuleImage(t, testenv.Bash)
	docker := testenv.Docker(t)
	r, err := lab.StartRegistry(t.TempDir(), "ann", "hush")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	name := r.Addr + "/lab/module:1"
	dir := t.TempDir()
	conf, err := json.Marshal(map[string]any{"auths": map[string]any{r.Addr: map[string]string{"auth": "YW5uOmh1c2g="}}}) // ann:hush
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), conf, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, args := range [][]string{{"tag", ref, name}, {"push", name}, {"rmi", name}} {
		cmd := exec.CommandContext(ctx, "docker", append([]string{"--config", dir, "-H", docker}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	e := apptainer.New(config(t, dir))
	login := func(password string) engine.Login {
		return func(_ context.Context, host string) (string, string, error) {
			if host != r.Addr {
				t.Errorf("a login for %s was asked for", host)
			}
			return "ann", password, nil
		}
	}
	for _, l := range []engine.Login{nil, login("wrong")} {
		if _, err := e.Image(ctx, "docker://"+name, l); !errors.Is(err, engine.ErrDenied) {
			t.Errorf("without a login: %v", err)
		}
	}
	if _, err := e.Image(ctx, r.Addr+"/lab/none:1", login("hush")); !errors.Is(err, engine.ErrNoImage) {
		t.Errorf("an image that is not there: %v", err)
	}
	img, err := e.Image(ctx, name, login("hush"))
	if err != nil || !strings.HasPrefix(img.Digest, r.Addr+"/lab/module@sha256:") {
		t.Fatalf("%+v, %v", img, err)
	}
	r.Stop() // what is in the cache is not asked for again
	again, err := e.Image(ctx, "docker://"+name, nil)
	if err != nil || again.ID != img.ID || again.Digest != img.Digest {
		t.Errorf("again: %+v, %v", again, err)
	}
	if exit, out := run(ctx, t, e, engine.Spec{Image: again, Command: []string{"/bin/echo", "here"}}); exit.Code != 0 || out != "here\n" {
		t.Errorf("%+v %q", exit, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "cache", "m*"))
	if err != nil || len(files) != 2 {
		t.Errorf("the cache holds %v", files)
	}
}
