package registrytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
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
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK
}

// Tags are the tags of a repository.
func (r *Registry) Tags(t testing.TB, repo string) []string {
	t.Helper()
	resp := r.ask(t, "/v2/"+repo+"/tags/list")
	defer func() { _ = resp.Body.Close() }()
	var list struct{ Tags []string }
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
	}
	return list.Tags
}

// manifestTypes are the manifests that tests read. A registry turns them into older ones for who names none.
var manifestTypes = []string{"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"}

func (r *Registry) get(t testing.TB, path string) ([]byte, http.Header) {
	t.Helper()
	resp := r.ask(t, path)
	defer func() { _ = resp.Body.Close() }()
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
	req.Header["Accept"] = manifestTypes
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

// Tag puts an image under a tag past the front, as somebody else would.
func (r *Registry) Tag(t testing.TB, repo, tag string) {
	t.Helper()
	empty := []byte("{}")
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(empty))
	r.put(t, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest, "application/octet-stream", empty)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":`+
		`{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":%q},"layers":[]}`, digest)
	r.put(t, "PUT", "/v2/"+repo+"/manifests/"+tag, "application/vnd.docker.distribution.manifest.v2+json", []byte(manifest))
}

func (r *Registry) put(t testing.TB, method, path, kind string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.backend+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if r.Password != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode == http.StatusAccepted: // an upload in two steps
		at, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		_, digest, _ := strings.Cut(path, "digest=")
		r.put(t, "PUT", at.Path+"?"+at.RawQuery+"&digest="+digest, kind, body)
	case resp.StatusCode != http.StatusCreated:
		t.Fatalf("%s %s: %s %s", method, path, resp.Status, answer)
	}
}
