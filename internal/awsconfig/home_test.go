package awsconfig

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/genepattern/ferry/internal/testenv"
)

// The region of the task comes before that of the instance, and nothing is asked that is not there.
func TestRegion(t *testing.T) {
	testenv.CleanAWS(t)
	task := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v4/x/task":
			fmt.Fprint(w, `{"Cluster":"c","TaskARN":"arn:aws:ecs:eu-west-3:123456789012:task/c/158d1c8083dd49d6b527399fd6414f5c"}`)
		case "/v4/odd/task":
			fmt.Fprint(w, `{"TaskARN":"nonsense"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer task.Close()
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "token")
		case "/latest/dynamic/instance-identity/document":
			fmt.Fprint(w, `{"region":"ap-south-1"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer instance.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, c := range []struct {
		about    string
		task     string // ECS_CONTAINER_METADATA_URI_V4
		instance string
		want     string
	}{
		{"a task", task.URL + "/v4/x", instance.URL, "eu-west-3"},
		{"an instance", "", instance.URL, "ap-south-1"},
		{"an instance, and a task that says nothing of use", task.URL + "/v4/odd", instance.URL, "ap-south-1"},
		{"neither", "", gone.URL, ""},
		{"services that are gone", gone.URL, gone.URL, ""},
	} {
		t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", c.instance)
		cfg, err := config.LoadDefaultConfig(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Region != "" {
			t.Fatalf("the machine has the region %q", cfg.Region)
		}
		lookup := func(name string) (string, bool) {
			return c.task, name == "ECS_CONTAINER_METADATA_URI_V4" && c.task != ""
		}
		if got := new(Home).find(cfg, lookup); got != c.want {
			t.Errorf("%s: %q, want %q", c.about, got, c.want)
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := instanceRegion(t.Context(), cfg); got != "" {
		t.Errorf("a service that is disabled was asked, and said %q", got)
	}
}
