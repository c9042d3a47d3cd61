package chaos

import (
	"errors"
	"io"
	"strings"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/stores"
)

// azureRows are faults of a store that is Azure's.
func azureRows() (rows []row) {
	const group = "The store is Azure's"
	for _, f := range storeFaults {
		if f.fault.Delay > 0 || f.part != "" {
			continue
		}
		name := f.name
		if f.fault.Status == 503 {
			name = "503 ServerBusy"
		}
		rows = append(rows, row{group: group, name: name + ", 20 % of requests", azure: true, quick: f.fault.Reset, run: func(s *scene) {
			s.inputs(storeFilesLow / 2)
			s.proxy.Add(testenv.Rule{Kind: f.kind, Every: 5, Fault: f.fault})
			s.runJob()
		}})
	}
	return append(rows,
		row{group: group, name: "403 AuthorizationPermissionMismatch, a file among the inputs", azure: true, code: 65, cause: "stage-in", run: func(s *scene) {
			s.refuseBig(testenv.Fault{Status: 403})
		}},
		row{group: group, name: "an archived blob among the inputs", azure: true, quick: true, code: 65, cause: "stage-in", run: func(s *scene) {
			s.refuseBig(testenv.Fault{Status: 409, Code: "BlobArchived"})
		}})
}

// refuseBig runs a job whose largest input cannot be read.
func (s *scene) refuseBig(f testenv.Fault) {
	s.proxy.Add(testenv.Rule{Kind: "GetObject", Match: func(r testenv.Request) bool { return strings.HasSuffix(r.Key, "/big.bin") }, Fault: f})
	s.expect()
	s.runJob()
}

// inAzure gives the scene a container in place of a bucket.
func (s *scene) inAzure() {
	s.blobs = testenv.Azure(s.t)
	s.proxy = testenv.Proxy(s.t, s.blobs.Endpoint)
	s.env = s.blobs.Via(s.proxy).Env()
	lookup := func(name string) (string, bool) {
		for _, kv := range s.blobs.Env() {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				return v, true
			}
		}
		return "", false
	}
	opener, err := stores.All.Opener(nil, lookup)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.azure, _, err = opener.Open(s.t.Context(), s.blobs.URL); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) putBlob(key, text string) {
	s.t.Helper()
	if _, err := s.azure.Put(s.t.Context(), key, store.Body{Bytes: []byte(text)}, store.PutOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// blob reads an object of the container.
func (s *scene) blob(key string) (string, bool) {
	s.t.Helper()
	r, err := s.azure.Open(s.t.Context(), key, store.OpenOptions{})
	if errors.Is(err, store.ErrNotExist) {
		return "", false
	}
	if err != nil {
		s.t.Error(err)
		return "", false
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		s.t.Error(err)
	}
	return string(b), err == nil
}
