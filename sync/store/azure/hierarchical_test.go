package azure_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/azure"
	"github.com/genepattern/ferry/sync/store/storetest"
)

// A hierarchy is an account with a hierarchical namespace, which Azurite does not have: a container whose directories are entries of
// their own, with parents made as needed, and listed with the parts of a path as the key of the order. It does what Microsoft's
// documentation says of the Blob service on such an account, and checks no signature.
//
// https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-namespace
// https://learn.microsoft.com/rest/api/storageservices/list-blobs
type hierarchy struct {
	page int // entries

	mu      sync.Mutex
	entries map[string]*entry
	blocks  map[string][]byte
	tags    int
}

type entry struct {
	dir     bool
	content []byte
	meta    http.Header
	etag    string
	at      time.Time
}

func startHierarchy(t *testing.T, page int) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(&hierarchy{page: page, entries: map[string]*entry{}, blocks: map[string][]byte{}})
	t.Cleanup(srv.Close)
	return srv
}

func (h *hierarchy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/account/"), "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if sum := r.Header.Get("Content-Md5"); sum != "" && sum != md5Of(body) {
		refuse(w, http.StatusBadRequest, "Md5Mismatch")
		return
	}
	q := r.URL.Query()
	switch {
	case q.Get("comp") == "list":
		h.list(w, q.Get("prefix"), q.Get("marker"))
	case name == "":
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPut:
		h.put(w, r, name, body)
	case r.Method == http.MethodDelete:
		h.remove(w, name)
	default:
		h.get(w, r, name)
	}
}

func md5Of(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code><Message>no\nRequestId:1</Message></Error>", code)
}

func (h *hierarchy) put(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	q := r.URL.Query()
	if q.Get("comp") == "block" {
		h.blocks[name+"\n"+q.Get("blockid")] = body
		w.WriteHeader(http.StatusCreated)
		return
	}
	e := &entry{content: body, meta: http.Header{}, at: time.Now()}
	if q.Get("comp") == "blocklist" {
		var list struct{ Latest []string }
		if err := xml.Unmarshal(body, &list); err != nil {
			refuse(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		e.content = nil
		for _, id := range list.Latest {
			e.content = append(e.content, h.blocks[name+"\n"+id]...)
		}
	} else {
		e.meta.Set("Content-Md5", md5Of(body))
	}
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-Ms-Meta-") {
			e.meta[k] = v
		}
	}
	e.dir = r.Header.Get("X-Ms-Meta-Hdi_isfolder") == "true"
	if old := h.entries[name]; old != nil && old.dir != e.dir {
		refuse(w, http.StatusConflict, "ResourceTypeMismatch")
		return
	}
	h.tags++
	e.etag = fmt.Sprintf("%q", "0x8D"+strconv.Itoa(h.tags))
	h.entries[name] = e
	for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
		parent := name[:at]
		if old := h.entries[parent]; old == nil {
			h.entries[parent] = &entry{dir: true, meta: http.Header{"X-Ms-Meta-Hdi_isfolder": {"true"}}, etag: e.etag, at: e.at}
		} else if !old.dir {
			refuse(w, http.StatusConflict, "ParentNotFound")
			return
		}
	}
	w.Header().Set("Etag", e.etag)
	w.WriteHeader(http.StatusCreated)
}

func (h *hierarchy) remove(w http.ResponseWriter, name string) {
	if h.entries[name] == nil {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	for other := range h.entries {
		if strings.HasPrefix(other, name+"/") {
			refuse(w, http.StatusConflict, "DirectoryIsNotEmpty")
			return
		}
	}
	delete(h.entries, name)
	w.WriteHeader(http.StatusAccepted)
}

func (h *hierarchy) get(w http.ResponseWriter, r *http.Request, name string) {
	e := h.entries[name]
	if e == nil {
		refuse(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	if tag := r.Header.Get("If-Match"); tag != "" && tag != e.etag {
		refuse(w, http.StatusPreconditionFailed, "ConditionNotMet")
		return
	}
	maps.Copy(w.Header(), e.meta)
	w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
	w.Header().Set("X-Ms-Resource-Type", map[bool]string{true: "directory", false: "file"}[e.dir])
	if v := r.Header.Get("X-Ms-Range"); v != "" {
		r.Header.Set("Range", v)
		w.Header().Set("X-Ms-Blob-Content-Md5", w.Header().Get("Content-Md5"))
		w.Header().Del("Content-Md5")
	}
	w.Header().Set("Etag", e.etag)
	http.ServeContent(w, r, "", e.at, strings.NewReader(string(e.content)))
}

// list lists in the order of such an account: "a/b" comes before "a-b".
func (h *hierarchy) list(w http.ResponseWriter, prefix, marker string) {
	var names []string
	for name := range h.entries {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	sort.Slice(names, func(i, j int) bool {
		return slices.Compare(strings.Split(names[i], "/"), strings.Split(names[j], "/")) < 0
	})
	from, _ := strconv.Atoi(marker)
	names = names[from:]
	next := ""
	if len(names) > h.page {
		names, next = names[:h.page], strconv.Itoa(from+h.page)
	}
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="x" ContainerName="container"><Blobs>`)
	for _, name := range names {
		e := h.entries[name]
		_, _ = io.WriteString(w, "<Blob><Name>")
		_ = xml.EscapeText(w, []byte(name))
		_, _ = fmt.Fprintf(w, "</Name><Properties><ResourceType>%s</ResourceType><Last-Modified>%s</Last-Modified><Etag>%s</Etag><Content-Length>%d</Content-Length><BlobType>BlockBlob</BlobType></Properties><Metadata>",
			map[bool]string{true: "directory", false: "file"}[e.dir], e.at.UTC().Format(http.TimeFormat), strings.Trim(e.etag, `"`), len(e.content))
		for k := range e.meta {
			if name, ok := strings.CutPrefix(k, "X-Ms-Meta-"); ok {
				_, _ = fmt.Fprintf(w, "<%[1]s>%[2]s</%[1]s>", strings.ToLower(name), e.meta.Get(k))
			}
		}
		_, _ = io.WriteString(w, "</Metadata><OrMetadata /></Blob>")
	}
	_, _ = fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
}

func hierarchyEnv(url string) []string {
	return []string{"AZURE_STORAGE_CONNECTION_STRING=AccountName=account;AccountKey=a2V5;BlobEndpoint=" + url + "/account"}
}

// The order of such an account is put right, and its directories are keys that end in a slash.
func TestHierarchicalNamespace(t *testing.T) {
	for _, page := range []int{2, 5000} {
		st := open(t, "az://account/container", hierarchyEnv(startHierarchy(t, page).URL), small)
		for _, k := range []string{"Path A/dat1", "Path A-B/dat2", "Path A-B-C", "Path A-C", "Path A.C/dat3", "Path AB/dat4", "Path AB.txt", "empty/"} {
			if _, err := st.Put(t.Context(), k, store.Body{Bytes: []byte(strings.TrimSuffix(k, "/"))}, store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"Path A-B-C", "Path A-B/", "Path A-B/dat2", "Path A-C", "Path A.C/", "Path A.C/dat3", "Path A/", "Path A/dat1", "Path AB.txt", "Path AB/", "Path AB/dat4", "empty/"}
		if got := storetest.List(t, st, ""); !slices.Equal(got, want) {
			t.Errorf("listed %q\nwant   %q", got, want)
		}
		if got := storetest.List(t, st, "Path A/"); !slices.Equal(got, []string{"Path A/dat1"}) {
			t.Errorf("listed %q", got)
		}
		// A directory that is not empty stays, and is no error.
		if err := st.Delete(t.Context(), []string{"Path A/", "empty/", "Path AB/dat4", "Path AB/"}); err != nil {
			t.Error(err)
		}
		want = []string{"Path A-B-C", "Path A-B/", "Path A-B/dat2", "Path A-C", "Path A.C/", "Path A.C/dat3", "Path A/", "Path A/dat1", "Path AB.txt"}
		got := storetest.List(t, st, "")
		if got = slices.DeleteFunc(got, func(k string) bool { return k == "Path AB/" }); !slices.Equal(got, want) { // which may go first
			t.Errorf("left %q\nwant %q", got, want)
		}
	}
}

// What the suite asks for holds on such an account, too, but for listings that are to have files alone.
func TestHierarchicalConformance(t *testing.T) {
	storetest.Suite{
		Kind: azure.Kind,
		New: func(t *testing.T) store.Store {
			return files{open(t, "az://account/container", hierarchyEnv(startHierarchy(t, 1000).URL), small)}
		},
		PartSize:    blockSize,
		Without:     without,
		Directories: true,
	}.Run(t)
}

// files leaves out of listings the directories that the account made by itself.
type files struct{ store.Store }

func (f files) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		for o, err := range f.Store.List(ctx, prefix) {
			if (err != nil || !strings.HasSuffix(o.Key, "/") || o.Key == "empty/") && !yield(o, err) {
				return
			}
		}
	}
}
