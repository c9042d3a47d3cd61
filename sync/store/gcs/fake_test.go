package gcs_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A fake is what Google's documentation says of resumable uploads, of errors and of who pays. The emulator knows little of these.
// https://cloud.google.com/storage/docs/performing-resumable-uploads
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	sessions map[string]*upload
	objects  map[string][]byte
	asked    []string // method, and the Content-Range

	cuts  int // of PUTs to a session, each of which keeps half of what comes
	lost  int // sessions that are gone when the first bytes come
	flips int // contents that arrive as others
	// refuse answers a request in place of the fake, unless it returns false.
	refuse func(w http.ResponseWriter, r *http.Request) bool
}

type upload struct {
	name, crc string
	came      []byte
}

func newFake(t *testing.T) *fake {
	f := &fake{sessions: map[string]*upload{}, objects: map[string][]byte{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Content-Range")))
	if f.refuse != nil && f.refuse(w, r) {
		return
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Query().Get("uploadType") == "resumable":
		var a struct{ Name, CRC32C string }
		if json.NewDecoder(r.Body).Decode(&a) != nil {
			sayJSON(w, 400, "invalid", "no metadata")
			return
		}
		id := fmt.Sprint(len(f.sessions))
		f.sessions[id] = &upload{name: a.Name, crc: a.CRC32C}
		w.Header().Set("Location", f.URL+"/session?upload_id="+id)
	case r.URL.Path == "/session":
		f.session(w, r)
	case r.Method == http.MethodGet:
		b, ok := f.objects[strings.TrimPrefix(r.URL.Path, "/bucket/")]
		if !ok {
			sayXML(w, 404, "NoSuchKey")
			return
		}
		w.Header().Set("X-Goog-Generation", "1")
		w.Header().Add("X-Goog-Hash", "crc32c="+crcText(b))
		w.Header().Add("X-Goog-Hash", "md5=unused")
		_, _ = w.Write(b) // the client's matter
	default:
		sayJSON(w, 400, "invalid", "the fake knows no such request")
	}
}

func (f *fake) session(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("upload_id")
	u := f.sessions[id]
	if r.Method == http.MethodDelete {
		w.WriteHeader(499)
		return
	}
	var from, to int64
	what := r.Header.Get("Content-Range")
	if n, _ := fmt.Sscanf(what, "bytes %d-%d/", &from, &to); n < 2 {
		from = -1
	}
	_, size, _ := strings.Cut(what, "/")
	total, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		total = -1
	}
	if f.lost > 0 && from >= 0 {
		f.lost--
		w.WriteHeader(http.StatusGone)
		return
	}
	if from >= 0 {
		if from != int64(len(u.came)) {
			sayJSON(w, 400, "invalid", "bytes are missing")
			return
		}
		if f.cuts--; f.cuts >= 0 {
			half, _ := io.ReadAll(io.LimitReader(r.Body, (to-from+1)/2)) // what came, came
			u.came = append(u.came, half[:len(half)/(256<<10)*(256<<10)]...)
			panic(http.ErrAbortHandler)
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if f.flips--; f.flips >= 0 {
			b[0] ^= 1
		}
		u.came = append(u.came, b...)
	}
	if total < 0 || int64(len(u.came)) < total {
		if len(u.came) > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.came)-1))
		}
		w.WriteHeader(308)
		return
	}
	if u.crc != "" && u.crc != crcText(u.came) {
		sayJSON(w, 400, "invalid", "Provided CRC32C does not match calculated one")
		return
	}
	f.objects[u.name] = u.came
	_ = json.NewEncoder(w).Encode(map[string]string{"name": u.name, "size": fmt.Sprint(len(u.came)), "generation": "1", "crc32c": crcText(u.came)}) // the client's matter
}

func crcText(b []byte) string {
	var four [4]byte
	binary.BigEndian.PutUint32(four[:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return base64.StdEncoding.EncodeToString(four[:])
}

func sayJSON(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"code": %d, "message": %q, "errors": [{"message": %[2]q, "domain": "global", "reason": %q}]}}`, status, message, reason)
}

func sayXML(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version='1.0' encoding='UTF-8'?><Error><Code>%s</Code><Message>as the fake says</Message></Error>`, code)
}
