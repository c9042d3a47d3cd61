package registrytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// An Image is one read back from a registry.
type Image struct {
	Digest string // the manifest's
	Config Config
	Layers []Layer // lowest first
	Raw    []byte  // the whole configuration, for searching what must not be in it
}

// Config is what an image's configuration says of how to run it.
type Config struct {
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	Labels       map[string]string
	Volumes      map[string]struct{}
	ExposedPorts map[string]struct{}
	OnBuild      []string
	StopSignal   string
}

// A Layer is what one layer holds.
type Layer struct {
	DiffID string
	Files  map[string]File // by name, without slashes at its ends
}

// A File is one entry of a layer.
type File struct {
	*tar.Header
	Body []byte
}

// Image reads an image layer by layer. repo and tag are its name without the registry.
func (r *Registry) Image(t testing.TB, repo, tag string) Image {
	t.Helper()
	raw, header := r.get(t, "/v2/"+repo+"/manifests/"+tag)
	var m struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	unmarshal(t, raw, &m)
	img := Image{Digest: header.Get("Docker-Content-Digest")}
	img.Raw, _ = r.get(t, "/v2/"+repo+"/blobs/"+m.Config.Digest)
	var c struct {
		Config Config
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	unmarshal(t, img.Raw, &c)
	img.Config = c.Config
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		t.Fatalf("%d layers, but %d in the configuration", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	for i, l := range m.Layers {
		blob, _ := r.get(t, "/v2/"+repo+"/blobs/"+l.Digest)
		img.Layers = append(img.Layers, Layer{DiffID: c.RootFS.DiffIDs[i], Files: unpack(t, blob)})
	}
	return img
}

// Has says whether the registry has the tag.
func (r *Registry) Has(t testing.TB, repo, tag string) bool {
	t.Helper()
	resp := r.ask(t, "/v2/"+repo+"/manifests/"+tag)
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Tags are the tags of a repository.
func (r *Registry) Tags(t testing.TB, repo string) []string {
	t.Helper()
	resp := r.ask(t, "/v2/"+repo+"/tags/list")
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
	}
	return list.Tags
}

func (r *Registry) get(t testing.TB, path string) ([]byte, http.Header) {
	t.Helper()
	resp := r.ask(t, path)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s %v", path, resp.Status, body, err)
	}
	return body, resp.Header
}

func (r *Registry) ask(t testing.TB, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.backend+path, nil) // past the front and its faults
	if err != nil {
		t.Fatal(err)
	}
	if r.Password != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	for _, kind := range []string{"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"} {
		req.Header.Add("Accept", kind)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func unmarshal(t testing.TB, raw []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", raw, err))
	}
}

func unpack(t testing.TB, blob []byte) map[string]File {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]File{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.Trim(h.Name, "/")] = File{h, body}
	}
}
