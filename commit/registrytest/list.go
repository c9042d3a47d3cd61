package registrytest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Index puts a list of images for several platforms into a repository, as digests by platform, and returns its reference.
func (r *Registry) Index(t testing.TB, repo, tag string, digests map[string]string) string {
	t.Helper()
	type descriptor map[string]any
	const listType = "application/vnd.docker.distribution.manifest.list.v2+json"
	list := map[string]any{"schemaVersion": 2, "mediaType": listType}
	var manifests []descriptor
	for platform, digest := range digests {
		system, architecture, _ := strings.Cut(platform, "/")
		raw, header := r.get(t, "/v2/"+repo+"/manifests/"+digest)
		manifests = append(manifests, descriptor{"mediaType": header.Get("Content-Type"), "digest": digest, "size": len(raw),
			"platform": map[string]string{"os": system, "architecture": architecture}})
	}
	list["manifests"] = manifests
	body, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	r.put(t, http.MethodPut, "/v2/"+repo+"/manifests/"+tag, listType, body)
	return r.Host + "/" + repo + ":" + tag
}
