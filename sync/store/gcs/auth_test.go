package gcs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genepattern/ferry/cause"
	"github.com/genepattern/ferry/sync/store"
	"github.com/genepattern/ferry/sync/store/gcs"
)

func hintOf(t *testing.T, err error) string {
	return cause.HintOf(cause.Name(t.Context(), cause.StageIn, "", err))
}

// tokens gives tokens as Google does: for a service account's word, for another identity's, and to a machine.
func tokens(t *testing.T, refused bool) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Metadata-Flavor", "Google")
		if refused {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}`)
			return
		}
		fmt.Fprintf(w, `{"access_token": "token of %s", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600}`, r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// clean hides this machine's credentials.
func clean(t *testing.T) {
	for _, name := range []string{"GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "STORAGE_EMULATOR_HOST", "CLOUDSDK_CONFIG"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

func writeJSON(t *testing.T, path string, v any) string {
	b, err := json.Marshal(v)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func serviceAccount(t *testing.T, at string) map[string]string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return map[string]string{"type": "service_account", "client_email": "ferry@example.iam.gserviceaccount.com", "private_key": string(text), "token_uri": at + "/account"}
}

// Credentials are found where Google's tools find them, and a token is asked for once.
func TestCredentials(t *testing.T) {
	for name, set := range map[string]func(t *testing.T, at string) (want string){
		"service account": func(t *testing.T, at string) string {
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", writeJSON(t, filepath.Join(t.TempDir(), "key.json"), serviceAccount(t, at)))
			return "/account"
		},
		"gcloud's": func(t *testing.T, at string) string {
			writeJSON(t, filepath.Join(os.Getenv("HOME"), ".config/gcloud/application_default_credentials.json"), serviceAccount(t, at))
			return "/account"
		},
		"workload identity": func(t *testing.T, at string) string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "token"), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", writeJSON(t, filepath.Join(dir, "key.json"), map[string]any{
				"type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
				"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": at + "/exchange", "credential_source": map[string]string{"file": filepath.Join(dir, "token")},
			}))
			return "/exchange"
		},
		"metadata server": func(t *testing.T, at string) string {
			t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(at, "http://"))
			return "/computeMetadata/v1/instance/service-accounts/default/token"
		},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			want := "Bearer token of " + set(t, tokens(t, false))
			f := newFake(t)
			f.objects["k"] = []byte("abc")
			f.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
				if got := r.Header.Get("Authorization"); got != want {
					t.Errorf("came with %q, want %q", got, want)
				}
				return false
			}
			st := open(t, "bucket", gcs.Options{Endpoint: f.URL})
			for range 2 {
				r, err := st.Open(t.Context(), "k", store.OpenOptions{})
				if err != nil {
					t.Fatal(err)
				}
				_ = r.Close() // not read
			}
		})
	}
}

// Credentials that are not there, cannot be read, or have expired are an error by name, and nobody else is asked.
func TestNoCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		file func(t *testing.T) string
		text string
	}{
		"no such file": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "none.json") }, "no such file"},
		"no JSON":      {func(t *testing.T) string { return writeJSON(t, filepath.Join(t.TempDir(), "key.json"), 1) }, "cannot unmarshal"},
		"expired": {func(t *testing.T) string {
			return writeJSON(t, filepath.Join(t.TempDir(), "key.json"), serviceAccount(t, tokens(t, true)))
		}, "invalid_grant Token has been expired or revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", c.file(t))
			f := newFake(t)
			_, err := open(t, "bucket", gcs.Options{Endpoint: f.URL}).Open(t.Context(), "k", store.OpenOptions{})
			if !errors.Is(err, store.ErrCredentials) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") || !strings.Contains(hintOf(t, err), "gcloud auth application-default login") || len(f.asked) > 0 {
				t.Errorf("%v, hint %q, asked %q", err, hintOf(t, err), f.asked)
			}
		})
	}
}

// Nobody's credentials are looked for where none are to be sent.
func TestAnonymous(t *testing.T) {
	clean(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	f := newFake(t)
	f.objects["k"] = []byte("abc")
	r, err := open(t, "bucket", gcs.Options{Endpoint: f.URL, Anonymous: true}).Open(t.Context(), "k", store.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close() // not read
}
