package chaos

import (
	"errors"
	"io"
	"time"

	"github.com/genepattern/ferry/internal/testenv"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/gcs"
)

// googleRows are those of a remote root in Google Cloud Storage: what a store of another kind does with the same faults.
func googleRows() (rows []row) {
	const group = "The store is Google's"
	on := func(run func(*scene)) func(*scene) {
		return func(s *scene) {
			s.onGoogle()
			s.inputs(storeFilesLow)
			run(s)
		}
	}
	for _, f := range storeFaults {
		switch {
		case f.part != "" || f.fault.Delay > 0: // told by the rows below, or by S3's alone
			continue
		case f.fault.FlipUpload > 0:
			f.fault.FlipUpload = 500 // what goes before is the object's description
		}
		rows = append(rows, row{group: group, name: f.name + ", 5 % of requests", quick: f.fault.Cut > 0, run: on(func(s *scene) {
			s.proxy.Add(testenv.Rule{Kind: f.kind, Every: 20, Fault: f.fault})
			s.runJob()
		})})
	}
	away := func(kind string) func(*scene) {
		return on(func(s *scene) {
			back := make(chan struct{})
			gone := s.onRequest(kind, 40, func() {
				defer close(back)
				s.proxy.Away()
				time.Sleep(8 * time.Second)
				s.proxy.Back(s.t)
			})
			s.runJob()
			if !gone.Load() {
				s.bad("the server never went away")
				return
			}
			<-back
		})
	}
	return append(rows,
		row{group: group, name: "away for 8 s in the middle of stage-in", slow: true, run: away("GetObject")},
		row{group: group, name: "away for 8 s in the middle of stage-out", slow: true, run: away("PutObject")},
		row{group: group, name: "403 AccessDenied, all requests from the middle of stage-in on", code: 65, cause: "stage-in", run: on(func(s *scene) {
			s.proxy.Add(testenv.Rule{Match: after(s, "GetObject", 4, ""), Fault: testenv.Fault{Status: 403}})
			s.expect()
			s.runJob()
		})},
		row{group: group, name: "403 AccessDenied, all requests from the middle of stage-out on", code: 73, cause: "stage-out", quick: true, run: on(func(s *scene) {
			s.proxy.Add(testenv.Rule{Match: after(s, "PutObject", 5, ""), Fault: testenv.Fault{Status: 403}})
			s.runJob()
		})})
}

// onGoogle puts the scene's job into a bucket of Google Cloud Storage.
func (s *scene) onGoogle() {
	s.t.Helper()
	b := testenv.GCS(s.t)
	st, err := gcs.New(b.Bucket, gcs.Options{Emulator: b.Endpoint})
	if err != nil {
		s.t.Fatal(err)
	}
	s.google, s.proxy = st, testenv.Proxy(s.t, b.Endpoint)
	s.env = b.Via(s.proxy).Env()
	s.put(meta+"/exec.sh", copyInputs)
	s.put(private+"/secret.txt", "secret\n")
}

// remote is the job's remote root.
func (s *scene) remote() string {
	if s.azure != nil {
		return s.blobs.URL + "/root"
	}
	if s.google != nil {
		return s.google.URL("root")
	}
	return "s3://" + s.s3.Bucket + "/root"
}

// storedAtGoogle reads an object.
func (s *scene) storedAtGoogle(path string) (string, bool) {
	r, err := s.google.Open(s.t.Context(), "root"+path, store.OpenOptions{})
	if err != nil {
		if !errors.Is(err, store.ErrNotExist) {
			s.t.Error(err)
		}
		return "", false
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		s.t.Error(err)
	}
	return string(b), err == nil
}
