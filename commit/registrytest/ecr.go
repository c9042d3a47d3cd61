package registrytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Account is whose registry an ECR is.
const Account = "123456789012"

// An ECR is a small fake of ECR's JSON API and of STS, whose registry is a real one. Like ECR's it takes pushes only to
// repositories that exist, by logins that have not expired, and keeps tags from changing.
type ECR struct {
	*Registry
	Endpoint string // of both APIs

	mu     sync.Mutex
	repos  map[string]Repository
	tokens map[string]bool // whether each still is good
	denied map[string]bool // operations
	calls  []string
}

// A Repository is one in an ECR.
type Repository struct {
	Immutable  bool
	ScanOnPush bool
}

// StartECR starts one.
func StartECR(t testing.TB) *ECR {
	t.Helper()
	e := &ECR{Registry: Start(t, Options{}), repos: map[string]Repository{}, tokens: map[string]bool{}, denied: map[string]bool{}}
	e.Registry.Fail(e.guard)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(e.api))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	e.Endpoint = srv.URL
	return e
}

// Config is an AWS configuration for it, which reads nothing of the machine's.
func (e *ECR) Config() aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(e.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// Expire makes all logins given so far expire.
func (e *ECR) Expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for t := range e.tokens {
		e.tokens[t] = false
	}
}

// Deny refuses an operation from now on: one of the API, such as "CreateRepository", or "push".
func (e *ECR) Deny(operation string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.denied[operation] = true
}

// Repositories are those there are.
func (e *ECR) Repositories() map[string]Repository {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]Repository{}
	for n, r := range e.repos {
		all[n] = r
	}
	return all
}

// Calls are the operations asked for so far.
func (e *ECR) Calls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.calls...)
}

var manifestPath = regexp.MustCompile(`^/v2/(.+)/(?:manifests|blobs|tags)/(.*)$`)

// guard is what ECR's registry does and distribution's does not.
func (e *ECR) guard(w http.ResponseWriter, req *http.Request) bool {
	user, password, _ := req.BasicAuth()
	e.mu.Lock()
	good, known := e.tokens[password]
	denied := e.denied["push"]
	m := manifestPath.FindStringSubmatch(req.URL.Path)
	var repo Repository
	exists := true
	if m != nil {
		repo, exists = e.repos[m[1]]
	}
	e.mu.Unlock()
	write := req.Method != "GET" && req.Method != "HEAD"
	switch {
	case user != "AWS" || !known:
		w.Header().Set("WWW-Authenticate", `Basic realm="`+e.URL+`",service="ecr.amazonaws.com"`)
		Refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "not authorized")
	case !good:
		Refuse(w, http.StatusForbidden, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
	case denied && write:
		Refuse(w, http.StatusForbidden, "DENIED", "User is not authorized to perform: ecr:InitiateLayerUpload")
	case !exists:
		Refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "The repository does not exist in the registry")
	case m != nil && repo.Immutable && req.Method == "PUT" && strings.Contains(req.URL.Path, "/manifests/") && e.tagged(m[1], m[2]):
		Refuse(w, http.StatusBadRequest, "TAG_INVALID", "The image tag already exists and cannot be overwritten because the repository is immutable.")
	default:
		return false
	}
	return true
}

func (e *ECR) tagged(repo, tag string) bool {
	req, err := http.NewRequest("HEAD", e.backend+"/v2/"+repo+"/manifests/"+tag, nil)
	if err != nil {
		return false
	}
	req.Header["Accept"] = manifestTypes
	resp, err := e.client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// api answers ECR's JSON and STS's query protocol.
func (e *ECR) api(w http.ResponseWriter, req *http.Request) {
	_, op, isECR := strings.Cut(req.Header.Get("X-Amz-Target"), "AmazonEC2ContainerRegistry_V20150921.")
	if !isECR {
		op = "GetCallerIdentity"
	}
	var in struct {
		RepositoryName             string
		RepositoryNames            []string
		ImageTagMutability         string
		ImageScanningConfiguration struct{ ScanOnPush bool }
	}
	if isECR && json.NewDecoder(req.Body).Decode(&in) != nil {
		fail(w, http.StatusBadRequest, "InvalidParameterException")
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, op)
	if e.denied[op] {
		fail(w, http.StatusBadRequest, "AccessDeniedException")
		return
	}
	switch op {
	case "GetCallerIdentity":
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>arn:aws:iam::%[1]s:role/tester</Arn><UserId>U</UserId><Account>%[1]s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, Account)
	case "GetAuthorizationToken":
		token := fmt.Sprintf("token-%d", len(e.tokens)+1)
		e.tokens[token] = true
		answer(w, map[string]any{"authorizationData": []any{map[string]any{
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte("AWS:" + token)),
			"expiresAt":          time.Now().Add(12 * time.Hour).Unix(), "proxyEndpoint": e.URL,
		}}})
	case "DescribeRepositories":
		for _, n := range in.RepositoryNames {
			if _, ok := e.repos[n]; !ok {
				fail(w, http.StatusBadRequest, "RepositoryNotFoundException")
				return
			}
		}
		answer(w, map[string]any{"repositories": []any{}})
	case "CreateRepository":
		if _, ok := e.repos[in.RepositoryName]; ok {
			fail(w, http.StatusBadRequest, "RepositoryAlreadyExistsException")
			return
		}
		e.repos[in.RepositoryName] = Repository{Immutable: in.ImageTagMutability == "IMMUTABLE", ScanOnPush: in.ImageScanningConfiguration.ScanOnPush}
		answer(w, map[string]any{"repository": map[string]any{"repositoryName": in.RepositoryName}})
	default:
		fail(w, http.StatusBadRequest, "InvalidAction")
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":"as the test wants it"}`, code)
}
