package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/genepattern/ferry/engine"
	"github.com/genepattern/ferry/internal/readahead"
)

// maker is the engine.Builder of an engine with Docker's classic image store.
type maker struct{ images *images }

var _ engine.Builder = (*maker)(nil)

// Builder implements engine.Images. There is one with the engine's classic image store, and not with containerd's, whose
// load wants all layers of an image and not only those that are new.
func (i *images) Builder(ctx context.Context) engine.Builder {
	info, err := i.conn.cli.Info(ctx)
	if err != nil {
		return nil
	}
	for _, s := range info.DriverStatus {
		if s[0] == "driver-type" { // set by containerd's store alone
			return nil
		}
	}
	return &maker{i}
}

// Build makes the image ref of base's layers and one more, with base's own configuration and the labels added. It is
// `docker load` of an archive that has the new layer only: the engine takes those it has from its store.
func (m *maker) Build(ctx context.Context, ref string, base engine.Image, labels map[string]string, layer engine.Layer) (string, error) {
	b, err := m.blueprint(ctx, base)
	if err != nil {
		return "", err
	}
	return m.load(ctx, ref, b, labels, &layer)
}

// Adopt makes the image ref of a container as it is, which was made from base: its files, but base's own configuration
// with the labels added.
func (m *maker) Adopt(ctx context.Context, ref, id string, base engine.Image, labels map[string]string) (string, error) {
	b, err := m.blueprint(ctx, base)
	if err != nil {
		return "", err
	}
	made, err := m.images.conn.cli.ContainerCommit(ctx, id, container.CommitOptions{Config: &container.Config{}})
	if err != nil {
		return "", m.images.conn.explain(fmt.Sprintf("committing %q", ref), err)
	}
	// The engine's commit has the container's variables in its configuration: only its layer is used.
	defer func() {
		_, _ = m.images.conn.cli.ImageRemove(context.WithoutCancel(ctx), made.ID, image.RemoveOptions{})
	}()
	in, err := m.images.conn.cli.ImageInspect(ctx, made.ID)
	if err != nil {
		return "", m.images.conn.explain(fmt.Sprintf("inspecting image %q", made.ID), err)
	}
	b.layers = in.RootFS.Layers
	return m.load(ctx, ref, b, labels, nil)
}

// blueprint is what an image's configuration file is made of, as the base has it.
type blueprint struct {
	fields map[string]json.RawMessage // of the configuration file
	config map[string]json.RawMessage // how to run it
	layers []string
}

func (m *maker) blueprint(ctx context.Context, base engine.Image) (*blueprint, error) {
	var raw bytes.Buffer
	in, err := m.images.conn.cli.ImageInspect(ctx, base.ID, client.ImageInspectWithRawResponse(&raw))
	if err != nil {
		return nil, m.images.conn.explain(fmt.Sprintf("inspecting image %q", base.Ref), err)
	}
	var all map[string]json.RawMessage
	b := &blueprint{fields: map[string]json.RawMessage{}, layers: in.RootFS.Layers}
	if err := json.Unmarshal(raw.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("reading the description of image %q: %w", base.Ref, err)
	}
	if err := json.Unmarshal(all["Config"], &b.config); err != nil {
		return nil, fmt.Errorf("reading the configuration of image %q: %w", base.Ref, err)
	}
	if b.config == nil {
		b.config = map[string]json.RawMessage{}
	}
	for from, to := range map[string]string{"Architecture": "architecture", "Variant": "variant", "Os": "os", "OsVersion": "os.version", "Author": "author"} {
		if v, ok := all[from]; ok && string(v) != `""` {
			b.fields[to] = v
		}
	}
	return b, nil
}

// file is the configuration file of an image with one layer more, if diffID is not "".
func (b *blueprint) file(labels map[string]string, diffID string) ([]byte, error) {
	all := map[string]string{}
	if own, ok := b.config["Labels"]; ok {
		if err := json.Unmarshal(own, &all); err != nil {
			return nil, err
		}
	}
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels)
	layers := b.layers
	if diffID != "" {
		layers = append(layers[:len(layers):len(layers)], diffID)
	}
	var err error
	if b.config["Labels"], err = json.Marshal(all); err != nil {
		return nil, err
	}
	file := map[string]any{"config": b.config, "created": time.Now().UTC(), "rootfs": map[string]any{"type": "layers", "diff_ids": layers}}
	for k, v := range b.fields {
		file[k] = v
	}
	return json.Marshal(file)
}

// load gives the engine the image as an archive. The layer comes first and is hashed as it goes; what names its hash
// comes last.
func (m *maker) load(ctx context.Context, ref string, b *blueprint, labels map[string]string, layer *engine.Layer) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", fmt.Errorf("image %q: %w", ref, err)
	}
	r := readahead.Reader(func(w io.Writer) error {
		return b.archive(w, reference.FamiliarString(named), labels, layer)
	})
	defer r.Close()
	answer, err := m.images.conn.cli.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err == nil {
		err = drain(answer.Body, nil)
		_ = answer.Body.Close()
	}
	if err != nil {
		return "", m.images.conn.explain(fmt.Sprintf("making image %q", ref), err)
	}
	img, err := m.images.inspect(ctx, ref)
	return img.ID, err
}

const layerName, configName = "layer.tar", "config.json"

func (b *blueprint) archive(w io.Writer, tag string, labels map[string]string, layer *engine.Layer) error {
	tw := tar.NewWriter(w)
	diffID := ""
	if layer != nil {
		if err := tw.WriteHeader(&tar.Header{Name: layerName, Typeflag: tar.TypeReg, Mode: 0o600, Size: layer.Size}); err != nil {
			return err
		}
		sum := sha256.New()
		if err := layer.Write(io.MultiWriter(tw, sum)); err != nil {
			return err
		}
		diffID = fmt.Sprintf("sha256:%x", sum.Sum(nil))
	}
	config, err := b.file(labels, diffID)
	if err != nil {
		return err
	}
	// The engine wants a name for each layer, also for those it has.
	names := make([]string, len(b.layers), len(b.layers)+1)
	for i := range names {
		names[i] = fmt.Sprintf("%d.tar", i)
	}
	if layer != nil {
		names = append(names, layerName)
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": configName, "RepoTags": []string{tag}, "Layers": names}})
	if err != nil {
		return err
	}
	for name, body := range map[string][]byte{configName: config, "manifest.json": manifest} {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(body))}); err != nil {
			return err
		}
		if _, err := tw.Write(body); err != nil {
			return err
		}
	}
	return tw.Close()
}
